//! Which data class a request has, and what that class requires it to state.

use super::{Concern, Reason, Register, Rejection};
use crate::request::said::{Said, listed, listed_lv};
use crate::request::system::HostedSystemSpec;
use crate::request::{DataClassSpec, MunicipalityAppSpec, Requirement};

/// The data class of a request: its own wish, or its system's.
///
/// # Errors
/// There is none, it has a problem, or it is weaker than the system's.
pub fn choose<'a>(
    spec: &'a MunicipalityAppSpec,
    system: &'a HostedSystemSpec,
    register: &'a Register,
) -> Result<(&'a str, &'a DataClassSpec), Rejection> {
    let own = &system.data_class;
    let wanted = spec.data_class.as_ref().unwrap_or(own);
    let path = "/spec/dataClass";
    let Some(class) = register.class(wanted) else {
        if let Some(problem) = register.unreadable(Concern::Class, wanted) {
            return Err(Rejection::new(Reason::DataClassBroken, path, problem.message));
        }
        let names = || register.class_names();
        let message = Said::both(
            format!("there is no data class `{wanted}`; write one of {}, or leave dataClass out", listed(names())),
            format!("datu klases `{wanted}` nav; rakstiet {}, vai arī izlaidiet lauku dataClass", listed_lv(names())),
        );
        return Err(Rejection::new(Reason::DataClassUnknown, path, message));
    };
    if let Some(problem) = class.problems.first() {
        let why = &problem.message;
        let message = Said::both(
            format!("the data class `{wanted}` has a problem that a platform admin must mend: {why}"),
            format!("datu klasē `{wanted}` ir kļūda, kas jāizlabo platformas administratoram: {why}"),
        );
        return Err(Rejection::new(Reason::DataClassBroken, path, message));
    }
    let rank = register.class(own).map_or(0, |class| class.spec.rank);
    if class.spec.rank < rank {
        let system = &spec.system;
        let message = Said::both(
            format!("`{system}` holds data of class `{own}` and `{wanted}` is weaker; write a stricter class, or leave dataClass out"),
            format!(
                "sistēmas `{system}` dati ir klasē `{own}`, un `{wanted}` ir vājāka; rakstiet stingrāku klasi, vai arī izlaidiet lauku dataClass"
            ),
        );
        return Err(Rejection::new(Reason::DataClassLowered, path, message));
    }
    Ok((wanted, &class.spec))
}

/// What a data class requires and the request does not state.
#[must_use]
pub fn requirements(spec: &MunicipalityAppSpec, (name, class): (&str, &DataClassSpec)) -> Vec<Rejection> {
    let stated = |text: &Option<String>| text.as_ref().is_some_and(|t| !t.trim().is_empty());
    let missing = |requirement: &Requirement| match requirement {
        Requirement::LegalBasis => (!stated(&spec.processing.legal_basis)).then_some((
            "legalBasis",
            "the law and article that allow the processing",
            "likumu un pantu, kas atļauj datus apstrādāt",
        )),
        Requirement::Dpia => (!stated(&spec.processing.dpia)).then_some((
            "dpia",
            "the number and date of the data protection impact assessment",
            "datu aizsardzības ietekmes novērtējuma numuru un datumu",
        )),
    };
    let reject = |(field, what, lv): (&str, &str, &str)| {
        let message = Said::both(
            format!("data class `{name}` requires processing.{field}; write {what}"),
            format!("datu klasei `{name}` vajadzīgs lauks processing.{field}; rakstiet tajā {lv}"),
        );
        Rejection::new(Reason::RequirementMissing, format!("/spec/processing/{field}"), message)
    };
    class.requires.iter().filter_map(missing).map(reject).collect()
}
