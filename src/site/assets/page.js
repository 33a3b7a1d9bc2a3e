// The form at work: every change writes the request anew, checks it, and says how it stands.
"use strict";

(() => {
  const kopnams = globalThis.kopnams;
  const { platform, system, words } = kopnams;
  const { spoken } = words;
  const at = (id) => document.getElementById(id);
  const form = at("form");
  const fields = kopnams.fields(form);
  // Fields that were left once, or all once somebody wanted to send: what is wrong with others is not shown yet.
  const seen = new Set();
  let now = null;

  const filled = (text, values) => text.replace(/\{(\w+)\}/gu, (hole, name) => values[name] ?? hole);

  const message = (finding) => {
    const { keywords, codes, requirements } = words;
    const values = { ...finding, limit: typeof finding.limit === "object" ? "" : finding.limit };
    if (finding.rule === "required" || (finding.rule === "name" && finding.written === "")) {
      return keywords.required;
    }
    if (finding.code === "RequirementMissing") {
      return requirements[finding.rule];
    }
    if (Object.hasOwn(codes, finding.code)) {
      return filled(codes[finding.code], values);
    }
    const type = finding.rule === "type" && [finding.limit].flat().find((name) => name !== "null");
    return filled(keywords["type:" + type] ?? keywords[finding.rule] ?? keywords.other, values);
  };

  // The first finding of each field, in the order of the form.
  const byField = (findings) => {
    const first = new Map();
    for (const finding of findings) {
      const path = kopnams.fieldOf(fields, finding);
      if (!first.has(path)) {
        first.set(path, finding);
      }
    }
    return new Map([...fields.keys()].filter((path) => first.has(path)).map((path) => [path, first.get(path)]));
  };

  const judged = () => {
    const { request, unread } = kopnams.request(fields, platform, system);
    const unreadable = new Set(unread.map((finding) => finding.path));
    const found = kopnams.check(platform, system, request).filter((finding) => !unreadable.has(finding.path));
    const { name, namespace } = request.metadata;
    const file = (name || spoken.fileUnknown) + ".yaml";
    const folder = platform.folder + "/" + (namespace || "…") + "/";
    return { request, wrong: byField([...unread, ...found]), text: kopnams.yaml(request), file, folder };
  };

  const classOf = (request) => platform.classes[request.spec.dataClass ?? system.dataClass];

  // What the kind of data does not require is not asked.
  const askWhatIsRequired = () => {
    const required = classOf(kopnams.request(fields, platform, system).request)?.requires ?? [];
    let any = false;
    for (const [path, { around, control }] of fields) {
      if (path.startsWith("/spec/processing/")) {
        const asked = required.includes(path.split("/").at(-1));
        around.hidden = control.disabled = !asked;
        around.querySelector("[data-depends]").hidden = !asked;
        control.setAttribute("aria-required", String(asked));
        any ||= asked;
      }
    }
    at("legal").hidden = !any;
  };

  // What concerns the municipality that was chosen: its domains, and how much of its allotment each size takes.
  const showMunicipality = (slug) => {
    const municipality = Object.hasOwn(platform.municipalities, slug) ? platform.municipalities[slug] : null;
    const zones = municipality?.zones ?? [];
    at("zones").textContent = municipality === null ? "" : zones.length === 0 ? spoken.noZones : filled(spoken.zones, { known: zones.join(", ") });
    for (const row of document.querySelectorAll("tr[data-size]")) {
      const cell = row.querySelector("[data-share]");
      cell.dataset.usual ??= cell.textContent;
      const percent = ([what, amount]) => [what, Math.ceil((amount * 100) / Math.max(municipality.allotment[what], 1))];
      cell.textContent =
        municipality === null
          ? cell.dataset.usual
          : filled(spoken.share, Object.fromEntries(Object.entries(system.sizes[row.dataset.size].amounts).map(percent)));
    }
  };

  const showProblem = (path, { around, control }) => {
    const place = [...around.querySelectorAll(".error")].find((one) => one.closest("[data-path]") === around);
    const finding = seen.has(path) ? now.wrong.get(path) : undefined;
    if (place === undefined) {
      return;
    }
    place.hidden = finding === undefined;
    place.textContent = finding === undefined ? "" : message(finding);
    const marked = control === null || control.dataset.kind === "choices" ? around : control;
    if (marked !== around) {
      marked.setAttribute("aria-invalid", String(finding !== undefined));
    }
    around.classList.toggle("wrong", finding !== undefined);
  };

  let saying = 0;
  const sayHowItStands = () => {
    const text = now.wrong.size === 0 ? spoken.good : filled(spoken.open, { count: now.wrong.size });
    clearTimeout(saying);
    // Whoever listens is not interrupted at every letter.
    saying = setTimeout(() => {
      if (at("status").textContent !== text) {
        at("status").textContent = text;
      }
      at("status").classList.toggle("good", now.wrong.size === 0);
    }, 400);
  };

  const update = () => {
    askWhatIsRequired();
    now = judged();
    showMunicipality(now.request.metadata.namespace);
    at("yaml").textContent = now.text;
    at("place").textContent = filled(spoken.file, { path: now.folder + now.file });
    document.querySelectorAll("code.folder").forEach((code) => { code.textContent = now.folder; });
    fields.forEach((field, path) => showProblem(path, field));
    sayHowItStands();
    if (platform.forge !== null) {
      const long = kopnams.address(platform.forge, now.folder + now.file, now.text) === null;
      at("long").hidden = !long;
      at("long").textContent = long ? filled(spoken.tooLong, now) : "";
      at("send").setAttribute("aria-disabled", String(long));
    }
  };

  // What gets the focus: the control, the first of several, or the fields around.
  const targetOf = ({ around, control }) =>
    control === null ? around : control.matches("input, select, textarea") ? control : control.querySelector("input");

  const focusOn = (path) => {
    const { around } = fields.get(path);
    for (let details = around.closest("details"); details !== null; details = details.parentElement.closest("details")) {
      details.open = true;
    }
    targetOf(fields.get(path)).focus();
  };

  const entry = (path, finding) => {
    const { around } = fields.get(path);
    const link = document.createElement("a");
    link.href = "#" + targetOf(fields.get(path)).id;
    link.textContent = around.querySelector("label, legend").firstChild.textContent.trim();
    link.addEventListener("click", (event) => {
      event.preventDefault();
      focusOn(path);
    });
    const item = document.createElement("li");
    item.append(link, ": " + message(finding));
    return item;
  };

  // Lists what is wrong and goes there. Says whether there was anything.
  const showProblems = () => {
    fields.forEach((_, path) => seen.add(path));
    update();
    const summary = at("problems");
    summary.hidden = now.wrong.size === 0;
    at("problems-title").textContent = spoken.summary;
    at("problems-list").replaceChildren(...[...now.wrong].map(([path, finding]) => entry(path, finding)));
    if (!summary.hidden) {
      summary.focus();
    }
    return !summary.hidden;
  };

  const say = (text) => { at("said").textContent = text; };

  const send = () => {
    const address = () => kopnams.address(platform.forge, now.folder + now.file, now.text);
    if (!showProblems() && address() !== null) {
      say(spoken.opened);
      window.open(address(), "_blank", "noopener");
    }
  };

  const save = () => {
    const wrong = showProblems();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([now.text], { type: "application/yaml" }));
    link.download = now.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    say(filled(wrong ? spoken.savedWrong : spoken.saved, now));
  };

  const copy = async () => {
    await navigator.clipboard.writeText(now.text);
    say(spoken.copied);
  };

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", update);
  form.addEventListener("focusout", (event) => {
    const around = event.target.closest("[data-path]");
    // A field that is still empty is not wrong yet: somebody only passed by.
    if (around !== null && (event.target.value !== "" || seen.has(around.dataset.path))) {
      seen.add(around.dataset.path);
      update();
    }
  });
  at("save").addEventListener("click", save);
  at("copy").addEventListener("click", copy);
  at("copy").hidden = navigator.clipboard === undefined;
  if (platform.forge !== null) {
    at("send").hidden = false;
    at("send").textContent = filled(spoken.send, { forge: platform.forge.name });
    at("send").addEventListener("click", send);
    at("send").setAttribute("aria-describedby", "long");
    document.querySelectorAll("[data-forge]").forEach((step) => { step.hidden = false; });
    document.querySelectorAll("[data-file]").forEach((step) => { step.hidden = true; });
  }
  form.hidden = false;
  update();
})();
