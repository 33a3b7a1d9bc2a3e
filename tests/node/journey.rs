//! `docs/municipalities.md`, step by step: the request page, the pull request, the comment, the refusal of what is somebody
//! else's, the merge, Flux, the answer, and the website.
//!
//! Each step names the sentence of the page that it follows, in Latvian and in English, and fails when the page no longer has it.
//! The forge is Gitea as it is in its Go module, without the scripts of its pages: what those do with its forms, and with the
//! text in the address of its editor, is done here in their place.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kopnams_lab::{Account, FluxTools};
use serde_json::{Value, json};

use crate::chromium::Browser;
use crate::copied::{self, Requests};
use crate::flow::Flow;
use crate::forge::{REQUESTS, World as Forge, wait_for};
use crate::house::{House, documents, on_the_node};
use crate::kit::text;
use crate::served::Served;

const KOPNAMS: &str = env!("CARGO_BIN_EXE_kopnams");
/// The town, an account that may change its requests, what it asks for, and where.
const TOWN: &str = "liepaja";
const CLERK: &str = "liepajas-it";
const HOST: &str = "www.liepaja.example.lv";
const PATH: &str = "municipalities/liepaja/majaslapa.yaml";
const TITLE: &str = "Liepāja – pilsēta, kurā piedzimst vējš";

#[test]
fn what_the_page_for_municipalities_says_is_what_happens() {
    on_the_node("the page for municipalities", async |house| {
        let Some(journey) = Journey::prepared(house) else { return };
        let page = fs::read_to_string("docs/municipalities.md").unwrap();
        let says = |latvian: &str, english: &str| {
            for sentence in [latvian, english] {
                assert!(page.contains(sentence), "docs/municipalities.md no longer says: {sentence}");
            }
        };
        let Some(browser) = Browser::start("MAP * ~NOTFOUND, EXCLUDE 127.0.0.1") else { return };

        says("Atveriet pieprasījumu lapu un izvēlieties sistēmu.", "Open the request page and choose the system.");
        says("Aizpildiet veidlapu.", "Fill the form in.");
        let shown = journey.fill_in(&browser);
        says("Nospiediet *Atvērt Gitea*", "Press *Open Gitea*");
        says("pierakstieties ar savu kontu", "sign in with your account");
        says("(*Fork Repository*, *Atdalīt repozitoriju*); piekrītiet", "(*Fork Repository*); take it");
        journey.open_editor(&browser, &shown);
        says("Nospiediet *Propose file change* (*Ieteikt faila izmaiņas*)", "Press *Propose file change*");
        says("nākamajā lapā *Create Pull Request* (*Izveidot izmaiņu pieprasījumu*)", "*Create Pull Request* on the page after it");
        let number = journey.hand_in(&browser);

        says("Minūtes laikā pievienojas komentārs.", "Within a minute a comment is added.");
        says("Ja tajā rakstīts *var apvienot*", "If it says *may be merged*");
        let requests = journey.requests();
        let (comment, status) = requests.told(&number, &journey.head(&number), "var apvienot");
        for part in ["may be merged", "**`majaslapa`** tiks izveidota", "will be created", HOST, "krātuve", "storage"] {
            assert!(comment.contains(part), "{part}: {comment}");
        }
        assert_eq!(status["status"], "success", "{comment}");

        // Somebody else's folder, in a second pull request.
        says("*autors to nedrīkst mainīt*, ir nosaukts, kam jāpiekrīt", "*not its author's to change*, it names who has to agree");
        let (foreign, commit) = journey.foreign();
        let (refusal, _) = requests.told(&foreign, &commit, "autors to nedrīkst mainīt");
        assert!(refusal.contains("`municipalities/kuldigas-novads/vietne.yaml`"), "{refusal}");
        assert!(refusal.contains("(drīkst: `@kuldigas-it`, `@kuldigas-parvalde`)"), "{refusal}");
        let (code, why) = requests.merge(&foreign);
        assert_eq!(code, 405, "the forge does not merge it: {why}");

        says("Platformas administrators pieprasījumu apvieno.", "A platform admin merges the request.");
        let (code, why) = requests.merge(&number);
        assert_eq!(code, 200, "{why}");
        let report = journey.report_back(&number);
        assert!(report.contains("`liepaja/majaslapa` vēl nav nonākusi datu centrā"), "nobody has applied it yet: {report}");
        says("Tad otrs komentārs pasaka, kurā adresē ir jūsu sistēma", "Then another comment says at which address your system is");
        let _flow = journey.apply().await;
        house.ready(TOWN, "majaslapa").await;
        let report = journey.report_back(&number);
        assert!(report.contains(&format!("`liepaja/majaslapa` ir gatava: <http://{HOST}")), "{report}");
        let website = house.page(HOST, "/", 200).await;
        assert!(website.contains(TITLE), "{website}");
        assert_eq!(
            house.world.get("MunicipalityApp", "kuldigas-novads", "vietne").await.filter(|app| app["spec"]["system"] == "website"),
            None
        );
    });
}

struct Journey<'a> {
    house: &'a House,
    forge: Forge,
    clerk: Account,
    flux: FluxTools,
    /// The request page, and a working copy of the repository.
    site: Served,
    folder: tempfile::TempDir,
}

impl<'a> Journey<'a> {
    /// The repository as `docs/requests.md` has it set up, with this node's platform and catalogue, and no request yet.
    fn prepared(house: &'a House) -> Option<Self> {
        let flux = FluxTools::ensure_or_skip("the page for municipalities").unwrap()?;
        let built = |name: &str| fs::read_to_string(Path::new("build/catalogue").join(name)).unwrap();
        let mut files = copied::files();
        files.retain(|(name, _)| !name.starts_with("platform/systems/") && !name.starts_with("municipalities/"));
        files.push(("platform/systems/timekla-vietne.yaml".to_owned(), built("timekla-vietne.yaml")));
        let (_, platform) = files.iter_mut().find(|(name, _)| name == "platform/00-platform.yaml").unwrap();
        *platform = serde_yaml::to_string(&house.platform).unwrap();
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let mut forge = Forge::without_fork("the page for municipalities", &files)?;
        forge.forge.run_workflows(&["docker"], &[]).unwrap();
        Requests { forge: &forge.forge, platform: &forge.platform, name: REQUESTS }.set_up();
        let clerk = forge.forge.user(CLERK).unwrap();

        // The last step there; the CronJob would need an image of a registry and a way to the forge, and is done here in its place.
        let lab = &house.world.lab;
        lab.kubectl_input(["apply", "--server-side", "--filename=-"], &copied::file("deploy/rights.yaml")).unwrap();
        let objects = documents(&Path::new(copied::REPO).join("deploy/report-back.yaml"));
        let own: Vec<String> = objects.iter().filter(|object| object["kind"] != "CronJob").map(|one| one.to_string() + "\n").collect();
        lab.kubectl_input(["apply", "--server-side", "--filename=-"], &own.join("---\n")).unwrap();

        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        for (name, text) in files {
            let file = folder.path().join("copy").join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let url = forge.forge.url();
        let made = Command::new(KOPNAMS)
            .args(["request-page", "--catalogue", &at("copy/platform"), "--out", &at("site")])
            .args(["--forge", "gitea", "--forge-url", &url, "--repository", REQUESTS])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let site = Served::start(&folder.path().join("site"));
        Some(Self { house, forge, clerk, flux, site, folder })
    }

    fn requests(&self) -> Requests<'_> {
        Requests { forge: &self.forge.forge, platform: &self.forge.platform, name: REQUESTS }
    }

    /// Fills the request page in; the text that it shows.
    fn fill_in(&self, browser: &Browser) -> String {
        browser.go(&self.site.url("index.html"));
        browser.click("a[href='sistemas/timekla-vietne.html']");
        wait_for("the form", || (browser.run("return document.getElementById('form')?.hidden === false") == true).then_some(()));
        browser.run(&format!(
            "const list = document.getElementById('metadata-namespace');
             list.value = '{TOWN}';
             for (const name of ['input', 'change']) list.dispatchEvent(new Event(name, {{ bubbles: true }}));"
        ));
        for (field, words) in [("metadata-name", "majaslapa"), ("spec-hostname", HOST), ("spec-parameters-siteTitle", TITLE)] {
            browser.run(&format!("document.getElementById('{field}').value = ''"));
            browser.write(&format!("#{field}"), words);
        }
        wait_for("the form without a fault", || {
            (browser.run("return document.getElementById('status').textContent.includes('kļūdu tajā nav')") == true).then_some(())
        });
        browser.run("return document.getElementById('yaml').textContent").as_str().unwrap().to_owned()
    }

    /// The button, the forge's sign-in and its offer of a fork; then its editor, with the file in it.
    fn open_editor(&self, browser: &Browser, shown: &str) {
        assert!(browser.text("#send").contains("Atvērt Gitea"), "{}", browser.text("#send"));
        let before = browser.windows().len();
        browser.click("#send");
        let editor = wait_for("the forge", || browser.windows().get(before).cloned());
        browser.switch(&editor);
        wait_for("the forge asks who it is", || address(browser).contains("/user/login").then_some(()));
        browser.write("#user_name", &self.clerk.name);
        browser.write("#password", &self.clerk.password);
        browser.run("document.querySelector('form[action*=\"login\"]').submit()");
        let begins = format!("{}/{REQUESTS}/_new/main/{PATH}?value=", self.forge.forge.url());
        wait_for("the address of the editor", || address(browser).starts_with(&begins).then_some(()));
        // Whoever has no rights there is offered a fork, and comes back to the same address.
        let here = address(browser);
        assert!(words(browser, "form[action*='_fork/main'] button").contains("Atdalīt repozitoriju"));
        submit(browser, "form[action*='_fork/main']");
        browser.go(&here);
        let named = browser.run("return document.getElementById('tree_path').value");
        assert_eq!(named, PATH, "the editor has the name of the file");
        let taken = "const value = new URLSearchParams(location.search).get('value');
            document.getElementById('edit_area').value = value;
            return value;";
        assert_eq!(browser.run(taken), shown, "what arrives at the forge is what the page has shown");
    }

    /// Proposes the file and makes a pull request; its number.
    fn hand_in(&self, browser: &Browser) -> Value {
        assert!(words(browser, "#commit-button").contains("Ieteikt faila izmaiņas"));
        let compare = submit(browser, "form.edit");
        assert!(compare.contains(&format!("/{REQUESTS}/compare/main...{CLERK}")), "{compare}");
        browser.go(&format!("{}{compare}", self.forge.forge.url()));
        let title = browser.run("return document.getElementById('issue_title').value");
        assert!(title.as_str().unwrap().contains(PATH), "{title}");
        assert!(words(browser, "#new-issue").contains("Izveidot izmaiņu pieprasījumu"));
        let pull = submit(browser, "#new-issue");
        pull.rsplit_once("/pulls/").unwrap_or_else(|| panic!("{pull}")).1.parse::<u64>().unwrap().into()
    }

    /// The commit that a pull request would merge.
    fn head(&self, number: &Value) -> String {
        let pull = self.forge.forge.must(&self.clerk.token, "GET", &format!("/repos/{REQUESTS}/pulls/{number}"), None).unwrap();
        assert_eq!(pull["user"]["login"], CLERK);
        pull["head"]["sha"].as_str().unwrap().to_owned()
    }

    /// The clerk's second pull request, with a file in another town's folder; its number and commit.
    fn foreign(&self) -> (Value, String) {
        let fork = format!("{CLERK}/requests");
        let work = self.folder.path().join("work");
        fs::create_dir(&work).unwrap();
        let url = self.forge.forge.git_url(&self.clerk, &fork);
        crate::forge::git(&work, &["clone", "--quiet", "--branch=main", &url, "."]);
        let request = copied::file("municipalities/kuldigas-novads/majaslapa.yaml").replace("majaslapa", "vietne");
        let path = "municipalities/kuldigas-novads/vietne.yaml";
        let commit = self.forge.push(&self.clerk, &work, &fork, "cita", &[(path, &request)]);
        let wish = json!({"title": "Vēl viena", "head": format!("{CLERK}:cita"), "base": "main"});
        let pull = wait_for("the pushed branch", || {
            let answer = self.forge.forge.call(Some(&self.clerk.token), "POST", &format!("/repos/{REQUESTS}/pulls"), Some(&wish)).unwrap();
            (answer.status == 201).then(|| answer.json())
        });
        (pull["number"].clone(), commit)
    }

    /// Flux is set up, and applies the branch as it is: the platform first, then the requests, each as its own account.
    async fn apply(&self) -> Flow<'_> {
        let flow = Flow::start(&self.house.world, &self.flux, &format!("{}/{REQUESTS}.git", self.forge.forge.url()));
        let branch = self.forge.forge.must(&self.clerk.token, "GET", &format!("/repos/{REQUESTS}/branches/main"), None).unwrap();
        flow.applied("requests", branch["commit"]["id"].as_str().unwrap()).await;
        flow
    }

    /// What the `CronJob` of `deploy/report-back.yaml` does every minute, as its `ServiceAccount`; what it has told the pull request.
    fn report_back(&self, number: &Value) -> String {
        let lab = &self.house.world.lab;
        let file = Path::new(copied::REPO).join("deploy/report-back.yaml");
        let objects = documents(&file);
        let job = objects.iter().find(|object| object["kind"] == "CronJob").unwrap();
        let token = lab.kubectl(["create", "token", "report-back", "--namespace=kopnams-requests"]).unwrap();
        let config: PathBuf = lab.kubeconfig_for_token("report-back", token.trim()).unwrap();
        let api = format!("{}/api/v1", self.forge.forge.url());
        let args: Vec<String> = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"]
            .as_array()
            .unwrap()
            .iter()
            .map(|word| match text(word, "") {
                "https://git.example.lv/api/v1" => api.clone(),
                "novadi/pieprasijumi" => REQUESTS.to_owned(),
                other => other.to_owned(),
            })
            .collect();
        let platform = &self.forge.platform;
        let may = self.forge.forge.token(platform, &["write:issue", "read:repository", "read:user"]).unwrap();
        let told: Output = Command::new(KOPNAMS).args(&args).env("KUBECONFIG", config).env("KOPNAMS_FORGE_TOKEN", &may).output().unwrap();
        assert!(told.status.success(), "{args:?}: {told:?}");
        let path = format!("/repos/{REQUESTS}/issues/{number}/comments");
        let comments = self.forge.forge.must(&may, "GET", &path, None).unwrap();
        let bodies: Vec<&str> = comments.as_array().unwrap().iter().map(|one| one["body"].as_str().unwrap()).collect();
        let reports: Vec<&&str> = bodies.iter().filter(|body| body.starts_with("<!-- kopnams:result")).collect();
        assert_eq!(reports.len(), 1, "the verdict and one report: {bodies:?}");
        (*reports[0]).to_owned()
    }
}

/// What a part of a page says, painted or not: without its style sheets some of it is hidden.
fn words(browser: &Browser, css: &str) -> String {
    let said = browser.run(&format!("return document.querySelector({})?.textContent ?? document.body.textContent", json!(css)));
    said.as_str().unwrap().to_owned()
}

fn address(browser: &Browser) -> String {
    browser.run("return location.href").as_str().unwrap().to_owned()
}

/// Sends a form of the forge as the script of its pages does; where the forge leads to.
fn submit(browser: &Browser, form: &str) -> String {
    let answer = browser.run(&format!(
        "const form = document.querySelector({});
         if (!form) return 'there is no such form: ' + document.body.textContent.slice(0, 2000);
         return fetch(form.action, {{ method: 'POST', body: new FormData(form) }}).then((said) => said.text())",
        json!(form)
    ));
    let answer = answer.as_str().unwrap();
    let said: Value = serde_json::from_str(answer).unwrap_or_else(|_| panic!("{form}: {answer}"));
    said["redirect"].as_str().unwrap_or_else(|| panic!("{form}: {said}")).to_owned()
}
