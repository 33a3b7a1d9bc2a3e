//! What every page has around it.

use super::words::Both;
use crate::request::explain::Language;
use maud::{DOCTYPE, Markup, html};

/// Nothing comes from elsewhere, nothing stands in the page itself, and nothing is sent anywhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'";

/// Where a page stands.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The language of the page.
    pub language: Language,
    /// The same page within the folder of the other language.
    pub other: &'a str,
    /// How many folders it lies in, without the one of its language.
    pub depth: usize,
}

impl Frame<'_> {
    /// A file as the page names it.
    #[must_use]
    pub fn link(&self, file: &str) -> String {
        let folders = self.depth + usize::from(self.language == Language::En);
        format!("{}{file}", "../".repeat(folders))
    }

    fn start(&self) -> String {
        self.link(match self.language {
            Language::Lv => "index.html",
            Language::En => "en/index.html",
        })
    }

    /// A whole page.
    #[must_use]
    pub fn page(&self, title: &str, scripts: &[String], main: &Markup) -> Vec<u8> {
        let text = |lv: &'static str, en: &'static str| Both(lv, en).of(self.language);
        let (code, other_code, other_name, folder) = match self.language {
            Language::Lv => ("lv", "en", "English", "en/"),
            Language::En => ("en", "lv", "Latviski", ""),
        };
        let page = html! {
            (DOCTYPE)
            html lang=(code) {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="referrer" content="no-referrer";
                    meta name="color-scheme" content="light dark";
                    title { (title) }
                    link rel="icon" href=(self.link("assets/icon.svg")) type="image/svg+xml";
                    link rel="stylesheet" href=(self.link("assets/style.css"));
                    @for script in scripts { script src=(self.link(script)) defer {} }
                }
                body {
                    a.skip href="#saturs" { (text("Pāriet uz saturu", "Skip to the content")) }
                    header {
                        div.bar {
                            a.home href=(self.start()) { (text("Pašvaldību sistēmu pieprasīšana", "Systems for municipalities")) }
                            a href=(self.link(&format!("{folder}{}", self.other))) lang=(other_code) hreflang=(other_code) { (other_name) }
                        }
                    }
                    main #saturs tabindex="-1" { (main) }
                    footer {
                        p {
                            (text(
                                "Lapa neko nesūta un neko neglabā: viss notiek jūsu pārlūkā, līdz jūs pats iesniedzat pieprasījumu.",
                                "This page sends nothing and keeps nothing: everything happens in your browser until you hand the request in.",
                            ))
                        }
                    }
                }
            }
        };
        page.into_string().into_bytes()
    }
}
