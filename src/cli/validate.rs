//! v
/// x
#[derive(Debug, clap::Args)]
pub struct Validate {}
impl Validate {
    /// x
    pub fn run(self) -> anyhow::Result<u8> {
        Ok(0)
    }
}
