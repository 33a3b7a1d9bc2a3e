//! v
/// x
#[derive(Debug, clap::Args)]
pub struct PlanArgs {}
impl PlanArgs {
    /// x
    pub fn run(self) -> anyhow::Result<u8> {
        Ok(0)
    }
}
