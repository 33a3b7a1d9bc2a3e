//! Say so: conditions in plain words with stable reasons, written only when they changed.

pub mod backed_up;
pub mod conditions;
pub mod copied;
pub mod events;
pub mod summarise;
pub mod version;
pub mod write;

pub use conditions::{Verdict, merge};
pub use events::{Notice, Severity};
pub use write::patch_status;
