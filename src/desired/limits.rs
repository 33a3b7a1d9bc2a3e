//! Defaults for containers that state nothing: a fair share of the size. There is no maximum here;
//! the quota is the limit.

use super::meta::Owner;
use super::object::Object;
use crate::request::app::GrantedSize;
use crate::request::quantity::{write_bytes, write_cpu};
use k8s_openapi::api::core::v1::{LimitRange, LimitRangeItem, LimitRangeSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

const MEBIBYTE: u64 = 1 << 20;

/// The default requests and limits of a container: the size divided by its pods.
#[must_use]
pub fn defaults(owner: Owner<'_>, size: &GrantedSize) -> Object {
    let pods = u64::from(size.pods.max(1));
    let cpu = (size.cpu.millis().unwrap_or(0) / pods).max(1);
    let burst = (size.cpu_burst.millis().unwrap_or(0) / pods).max(cpu);
    let memory = (size.memory.canonical().unwrap_or(0) / pods / MEBIBYTE).max(1) * MEBIBYTE;
    let amounts = |cpu| BTreeMap::from([("cpu".into(), Quantity(write_cpu(cpu))), ("memory".into(), Quantity(write_bytes(memory)))]);
    let item = LimitRangeItem {
        type_: "Container".into(),
        default: Some(amounts(burst)),
        default_request: Some(amounts(cpu)),
        ..LimitRangeItem::default()
    };
    let spec = LimitRangeSpec { limits: vec![item] };
    Object::LimitRange(LimitRange { metadata: owner.meta("defaults"), spec: Some(spec) })
}
