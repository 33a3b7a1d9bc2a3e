//! From what was seen to the table.

use crate::marks::Mark;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// One website from the request to its first page.
pub struct Timeline {
    /// Its namespace.
    pub space: String,
    /// Just before the first call to the API server.
    pub begun: Instant,
    /// What was seen when.
    pub marks: BTreeMap<Mark, Instant>,
    /// The first page.
    pub answered: Instant,
}

/// The steps: the mark that ends each, what happens in it, and who does it.
const STEPS: [(Mark, &str, &str); 10] = [
    (Mark::Namespace, "request to namespace", OPERATOR),
    (Mark::Deployment, "guard rails live, objects made", OPERATOR),
    (Mark::Pod, "Deployment to pod", "controller manager"),
    (Mark::Bound, "volume made", "provisioner"),
    (Mark::Scheduled, "pod has its node", "scheduler"),
    (Mark::Sandbox, "volumes, sandbox, network", "kubelet"),
    (Mark::Running, "container started", "kubelet"),
    (Mark::PodReady, "container ready", "its probe"),
    (Mark::Available, "Deployment Available", "controller manager"),
    (Mark::Ready, "kopnams says Ready", OPERATOR),
];

/// By hand, it is the client that does this.
const OPERATOR: &str = "operator";

impl Timeline {
    /// How long each step took. Two watches may tell of two things in the wrong order: then the later step took nothing.
    fn steps(&self) -> BTreeMap<Mark, Duration> {
        let mut since = self.begun;
        let mut steps = BTreeMap::new();
        for (mark, at) in &self.marks {
            steps.insert(*mark, at.saturating_duration_since(since));
            since = since.max(*at);
        }
        steps
    }

    /// Until the last of its marks: Ready for kopnams, Available by hand.
    fn total(&self) -> Duration {
        self.steps().values().sum()
    }

    fn page(&self) -> Duration {
        self.answered.saturating_duration_since(self.begun)
    }

    /// The part of the total that is the operator's, in percent.
    fn share(&self) -> f64 {
        let steps = self.steps();
        let own = STEPS.iter().filter(|(_, _, who)| *who == OPERATOR).filter_map(|(mark, ..)| steps.get(mark)).sum::<Duration>();
        100.0 * own.as_secs_f64() / self.total().as_secs_f64()
    }
}

/// Prints the table of one run.
pub fn print(title: &str, asked: &[Timeline], applied: &[Timeline]) {
    println!("\n## {title}\n");
    println!("| step | by | median, ms | worst, ms | by hand: median | worst |\n|---|---|---|---|---|---|");
    for (mark, what, who) in STEPS {
        let took = |of: &[Timeline]| of.iter().filter_map(|one| one.steps().get(&mark).copied()).collect::<Vec<_>>();
        println!("| {what} | {who} | {} | {} |", pair(took(asked)), pair(took(applied)));
    }
    let totals = |of: &[Timeline]| of.iter().map(Timeline::total).collect::<Vec<_>>();
    let pages = |of: &[Timeline]| of.iter().map(Timeline::page).collect::<Vec<_>>();
    println!("| request to Ready; by hand, to Available | all | {} | {} |", pair(totals(asked)), pair(totals(applied)));
    println!("| request to the first page through the ingress | all | {} | {} |", pair(pages(asked)), pair(pages(applied)));
    let ratio = |a: Vec<Duration>, b: Vec<Duration>| median(a).as_secs_f64() / median(b).as_secs_f64();
    let mut shares: Vec<f64> = asked.iter().map(Timeline::share).collect();
    shares.sort_by(f64::total_cmp);
    println!(
        "\nkopnams takes {:.2} of the time by hand until Ready, {:.2} until the first page; the operator's share of its total is {:.0} % (median)",
        ratio(totals(asked), totals(applied)),
        ratio(pages(asked), pages(applied)),
        shares[shares.len() / 2],
    );
}

/// Median and worst in milliseconds; nothing where nothing was seen.
fn pair(mut took: Vec<Duration>) -> String {
    took.sort_unstable();
    match took.last() {
        Some(worst) => format!("{} | {}", median(took.clone()).as_millis(), worst.as_millis()),
        None => " | ".into(),
    }
}

/// The middle one; of an even number, the mean of the two in the middle.
fn median(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    let half = took.len() / 2;
    if took.len() % 2 == 1 { took[half] } else { (took[half - 1] + took[half]) / 2 }
}
