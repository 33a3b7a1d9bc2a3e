//! The budget: whatever the order of requests, removals and changes, the granted sum stays within it.

use super::*;
use crate::request::app::GrantedSize;
use crate::request::quantity::{Bytes, Cpu};
use proptest::prelude::*;

fn grant(cpu: u64, memory: u64) -> Grant {
    let size = GrantedSize {
        name: "s".into(),
        cpu: Cpu(write_cpu(cpu)),
        cpu_burst: Cpu(write_cpu(cpu)),
        memory: Bytes(write_bytes(memory << 20)),
        storage: Bytes("1Gi".into()),
        pods: 1,
    };
    Grant { size, ..Grant::default() }
}

fn allotment() -> Allotment {
    Allotment { cpu: Cpu("4".into()), memory: Bytes("8Gi".into()), storage: Bytes("10Gi".into()), apps: 8 }
}

proptest! {
    #[test]
    fn the_granted_sum_never_exceeds_the_allotment(steps in prop::collection::vec((0..12u8, 0..3u8, 1..3000u64, 1..6000u64), 1..200)) {
        let limit = Amounts::of_allotment(&allotment()).unwrap();
        let mut ledger = Ledger::default();
        for (app, action, cpu, memory) in steps {
            let key = AppKey::new("m", format!("app-{app}"));
            if action == 0 {
                ledger.leave(&key);
            } else {
                let grant = grant(cpu, memory);
                if check(&key, &grant, &allotment(), &ledger).is_ok() {
                    ledger.enter(&key, &grant);
                }
            }
            prop_assert!(ledger.granted("m").within(limit), "{:?}", ledger.granted("m"));
            let sum = ledger.of("m").fold(Amounts::default(), |sum, (_, holding)| sum.plus(holding.amounts));
            prop_assert_eq!(sum, ledger.granted("m"), "the kept sum is the sum");
        }
    }

    #[test]
    fn claims_of_host_names_follow_the_holdings(steps in prop::collection::vec((0..5u8, 0..4u8), 1..100)) {
        let mut ledger = Ledger::default();
        for (app, host) in steps {
            let key = AppKey::new("m", format!("app-{app}"));
            let mut grant = grant(1, 1);
            grant.hostname = (host > 0).then(|| format!("{host}.example.lv"));
            ledger.enter(&key, &grant);
            for (holder, holding) in ledger.of("m") {
                if let Some(host) = &holding.hostname {
                    let others = ledger.of("m").filter(|(other, h)| *other != holder && h.hostname.as_ref() == Some(host)).count();
                    prop_assert_eq!(ledger.claimant(host, holder).is_some(), others > 0);
                }
            }
        }
    }
}

#[test]
fn municipalities_whose_names_begin_alike_are_kept_apart() {
    let mut ledger = Ledger::default();
    for municipality in ["jelgava", "jelgavas-novads"] {
        ledger.enter(&AppKey::new(municipality, "a"), &grant(1000, 1));
    }
    assert_eq!(ledger.of("jelgava").count(), 1);
    assert_eq!(ledger.granted("jelgava").cpu, 1000);
}
