//! The page on which a system is chosen.

use super::page::Frame;
use super::words::Both;
use super::{Subject, category, own, titled};
use maud::html;

/// The page.
pub fn page(subjects: &[Subject<'_>], frame: &Frame<'_>) -> Vec<u8> {
    let language = frame.language;
    let text = |lv: &'static str, en: &'static str| Both(lv, en).of(language);
    let title = text("Pašvaldību sistēmu pieprasīšana", "Systems for municipalities");
    let mut sorted: Vec<_> = subjects.iter().collect();
    sorted.sort_by_key(|subject| (super::sorted(titled(&subject.spec.title, language)), subject.name));
    let main = html! {
        h1 { (text("Kuru sistēmu vēlaties pieprasīt?", "Which system would you like to ask for?")) }
        ol.steps {
            li { (text("Izvēlieties sistēmu un aizpildiet veidlapu.", "Choose a system and fill in the form.")) }
            li { (text("Lapa pārbauda atbildes un uzraksta pieprasījuma failu.", "The page checks the answers and writes the request's file.")) }
            li { (text("Iesniedziet failu. Atbildē pēc brīža ir teikts, kas tiks izveidots un kas vēl jālabo.", "Hand the file in. A moment later the answer says what will be made and what is still to mend.")) }
        }
        div.field #filter-field hidden {
            label for="filter" { (text("Meklēt sistēmu", "Find a system")) }
            input #filter type="search" autocomplete="off";
            p #filter-count role="status" data-text=(text("Atrastas sistēmas: {count}", "Systems found: {count}")) {}
        }
        ul.systems #systems {
            @for subject in sorted {
                li {
                    a href=(own(subject.name, language)) { (titled(&subject.spec.title, language)) }
                    p {
                        (category(&subject.spec.category, language)) " · "
                        (titled(&subject.class.title, language)) " · "
                        (text("uztur", "maintained by")) " " (subject.maintainer(language))
                    }
                }
            }
        }
        @if subjects.is_empty() { p { (text("Katalogā pašlaik nav nevienas sistēmas.", "There is no system in the catalogue at present.")) } }
    };
    frame.page(title, &["assets/index.js".to_string()], &main)
}
