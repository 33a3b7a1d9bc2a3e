//! A chain that was tampered with is found out.

use super::*;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
}

fn finding(n: i64) -> Finding {
    let phase = |name: &str, milliseconds| Phase { name: name.into(), milliseconds };
    Finding {
        tenant: "5f0c".into(),
        municipality: "ventspils".into(),
        app: "e-atbalsts".into(),
        set: format!("set-{n}"),
        recovery_point: at(n - 600),
        level: Level::Database,
        began: at(n),
        ended: at(n + 3),
        phases: vec![phase("fetch", 1200), phase("load", 300)],
        files: 10,
        bytes: 1 << 20,
        tables: 7,
        rows: 12_345,
        outcome: Outcome::Passed,
        class: None,
    }
}

fn chain(length: i64) -> Vec<Evidence> {
    let mut records: Vec<Evidence> = Vec::new();
    for n in 0..length {
        let previous = records.last().map_or(String::new(), |last| last.hash.clone());
        records.push(append(&previous, finding(n)));
    }
    records
}

fn head(records: &[Evidence]) -> &str {
    &records.last().unwrap().hash
}

#[test]
fn a_chain_that_nobody_touched_holds() {
    let records = chain(5);
    assert_eq!(verify_chain(&records, "", Some(head(&records))), Ok(()));
    assert_eq!(verify_chain(&records[2..], &records[1].hash, Some(head(&records))), Ok(()), "from the middle on, with the hash before it");
    assert_eq!(verify_chain(&[], "", None), Ok(()));
}

/// The text is part of what auditors compute themselves: it never changes for records of this kind.
#[test]
fn the_canonical_text_is_written_down() {
    let mut failed = finding(0);
    failed.outcome = Outcome::Failed;
    failed.class = Some(Class::Missing);
    failed.app = "a\nhash: b\\".into();
    let record = append("abc", failed);
    let expected = "kopnams evidence 1\n\
        tenant: 5f0c\nmunicipality: ventspils\napp: a\\nhash: b\\\\\nset: set-0\nrecoveryPoint: 2027-01-14T22:00:00Z\n\
        level: Database\nbegan: 2027-01-15T08:00:00Z\nended: 2027-01-15T08:03:00Z\nphases: 2\nphase: 1200 fetch\nphase: 300 load\n\
        files: 10\nbytes: 1048576\ntables: 7\nrows: 12345\noutcome: Failed\nclass: Missing\nprevious: abc\n";
    assert_eq!(record.canonical(), expected);
    assert_eq!(record.hash, hex::encode(Sha256::digest(expected)));
}

#[test]
fn every_changed_field_is_found() {
    let changes: [fn(&mut Finding); 15] = [
        |f| f.tenant.push('x'),
        |f| f.municipality.push('x'),
        |f| f.app.push('x'),
        |f| f.set.push('x'),
        |f| f.recovery_point = at(1),
        |f| f.level = Level::App,
        |f| f.began = at(1000),
        |f| f.ended = at(1000),
        |f| f.phases[1].milliseconds = 299,
        |f| f.phases[0].name = "fetched".into(),
        |f| f.files += 1,
        |f| f.bytes += 1,
        |f| std::mem::swap(&mut f.tables, &mut f.rows),
        |f| f.outcome = Outcome::Failed,
        |f| f.class = Some(Class::Other),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let mut records = chain(5);
        change(&mut records[2].finding);
        assert_eq!(verify_chain(&records, "", None), Err(Broken::Changed(2)), "change {n}");
        // Whoever knows how computes the hash of the record anew, and breaks the next one.
        records[2] = append(&records[1].hash, records[2].finding.clone());
        assert_eq!(verify_chain(&records, "", None), Err(Broken::Gap(3)), "change {n}");
    }
    let mut records = chain(5);
    records[2].hash = records[1].hash.clone();
    assert_eq!(verify_chain(&records, "", None).unwrap_err().at(), 2);
    records[2].previous = String::new();
    assert_eq!(verify_chain(&records, "", None), Err(Broken::Gap(2)));
}

#[test]
fn a_removed_added_or_swapped_record_is_found() {
    let whole = chain(5);
    for at in 0..4 {
        let mut records = whole.clone();
        records.remove(at);
        assert_eq!(verify_chain(&records, "", None), Err(Broken::Gap(at)), "removed {at}");
        let mut records = whole.clone();
        records.swap(at, at + 1);
        assert_eq!(verify_chain(&records, "", None), Err(Broken::Gap(at)), "swapped {at}");
        let mut records = whole.clone();
        records.insert(at + 1, whole[at].clone());
        assert_eq!(verify_chain(&records, "", None), Err(Broken::Gap(at + 1)), "twice {at}");
    }
}

#[test]
fn what_was_taken_from_the_end_is_found_by_the_last_hash() {
    let whole = chain(5);
    let end = Some(head(&whole));
    assert_eq!(verify_chain(&whole[..4], "", end), Err(Broken::End(4)));
    assert_eq!(verify_chain(&[], "", end), Err(Broken::End(0)));
    let mut anew = whole[..4].to_vec();
    let mut failed = finding(4);
    failed.outcome = Outcome::Failed;
    anew.push(append(head(&anew), failed));
    assert_eq!(verify_chain(&anew, "", None), Ok(()), "a chain alone does not prove its end");
    assert_eq!(verify_chain(&anew, "", end), Err(Broken::End(5)));
}

#[test]
fn json_is_read_back_and_still_holds() {
    let records = chain(3);
    let text = to_json(&records).unwrap();
    let read = from_json(&text).unwrap();
    assert_eq!(read, records);
    assert_eq!(verify_chain(&read, "", Some(head(&records))), Ok(()));
    let tampered = from_json(&text.replace("set-1", "set-7")).unwrap();
    assert_eq!(verify_chain(&tampered, "", None), Err(Broken::Changed(1)));
}

#[test]
fn csv_is_quoted_as_rfc_4180_says() {
    let mut odd = finding(0);
    odd.app = "a,\"b\"\nc".into();
    odd.class = Some(Class::NoSpace);
    let records = [append("", odd), append("x", finding(1))];
    let text = to_csv(&records).unwrap();
    assert!(text.starts_with(&(COLUMNS.join(",") + "\r\n")) && text.ends_with("\r\n"));
    assert!(text.contains(
        r#","a,""b""
c",set-0,2027-01-14T22:00:00Z,Database,"#
    ));
    assert!(text.contains(",fetch=1200 load=300,10,1048576,7,12345,Passed,NoSpace,,"));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
    assert_eq!((rows.len(), rows[0].get(2), rows[1].get(16)), (2, Some("a,\"b\"\nc"), Some(records[1].hash.as_str())));
}
