//! What runs as pods on every node of the lab: names, volumes, ingress.

use super::house::INSIDE;
use super::images::Images;
use super::kubelet::DNS;

/// The namespace of the ingress controller.
pub const INGRESS_NAMESPACE: &str = "ingress";

/// The manifests, with the images filled in.
pub(crate) fn manifests(images: &Images, volumes: &str) -> String {
    [include_str!("manifests/coredns.yaml"), include_str!("manifests/local-path.yaml"), include_str!("manifests/traefik.yaml")]
        .join("---\n")
        .replace("IMAGE_COREDNS", &images.coredns.reference)
        .replace("IMAGE_PROVISIONER", &images.provisioner.reference)
        .replace("IMAGE_BUSYBOX", &images.busybox.reference)
        .replace("IMAGE_TRAEFIK", &images.traefik.reference)
        .replace("ADDRESS_DNS", DNS)
        .replace("ADDRESS_NODE", INSIDE)
        .replace("VOLUMES", volumes)
}

/// Namespace and name of the Deployments that must be there before a node is ready.
pub(crate) const DEPLOYMENTS: &[(&str, &str)] =
    &[("kube-system", "coredns"), ("local-path-storage", "local-path-provisioner"), (INGRESS_NAMESPACE, "traefik")];
