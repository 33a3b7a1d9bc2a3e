//! What exists: watches into a compact index, and the deeds that prove what is the operator's.

pub mod deed;
pub mod health;
pub mod index;
pub mod look;
pub mod watch;

pub use deed::{Deed, DeedKey};
pub use health::Health;
pub use index::{Change, Entry, Index, LiveView, NamespaceEntry};
