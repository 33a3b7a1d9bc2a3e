//! The other process: does one piece of work with the `restic` program and reports. It knows nothing of Kubernetes.
pub mod probe;
