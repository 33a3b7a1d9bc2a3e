//! What a cluster holds, out of a file or asked for now.

use super::run::{config, runtime};
use crate::request::read::place::Place;
use crate::request::read::{self, Document, Tree};
use crate::request::{GROUP, VERSION};
use anyhow::{Context, Result};
use clap::Args;
use kube::api::ListParams;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use std::path::PathBuf;
use std::sync::Arc;

/// The kinds of which a decision needs what the cluster holds.
const KINDS: [&str; 2] = ["MunicipalityApp", "Municipality"];
/// Objects in one answer of the cluster.
const PAGE: u32 = 500;

/// Where it is known from what a cluster holds.
#[derive(Clone, Debug, Default, Args)]
pub struct Live {
    /// What a cluster holds: the output of `kubectl get municipalityapps,municipalities -A -o yaml`.
    #[arg(long, value_name = "FILE")]
    live: Option<PathBuf>,
    /// Ask the cluster of the kubeconfig (KUBECONFIG) for it; that takes the right to list both kinds in the whole cluster.
    #[arg(long, conflicts_with = "live")]
    cluster: bool,
}

impl Live {
    /// Reads it, if it was asked for.
    pub fn read(&self) -> Result<Option<Tree>> {
        Ok(match &self.live {
            Some(file) => Some(read::read_live(file)?),
            None if self.cluster => Some(runtime()?.block_on(asked())?),
            None => None,
        })
    }
}

async fn asked() -> Result<Tree> {
    let client = Client::try_from(config().await?)?;
    let mut tree = Tree::default();
    for kind in KINDS {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, VERSION, kind));
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let listed = api.list(&page).await.with_context(|| format!("the cluster does not list each {kind}"))?;
            for object in listed.items {
                let mut value = serde_json::to_value(object)?;
                // Items of a list leave out what they are.
                value["apiVersion"] = format!("{GROUP}/{VERSION}").into();
                value["kind"] = kind.into();
                let (file, place) = (Arc::from("(cluster)"), Place::default());
                tree.documents.push(Arc::new(Document::new(file, 0, value, place)));
            }
            match listed.metadata.continue_.filter(|rest| !rest.is_empty()) {
                Some(rest) => page = page.continue_token(&rest),
                None => break,
            }
        }
    }
    Ok(tree)
}
