// Runs the page's own scripts outside of a browser: reads one question a line, answers one line each.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const vm = require("node:vm");

const site = process.argv[2];
const load = (file) => vm.runInThisContext(fs.readFileSync(path.join(site, file), "utf8"), { filename: file });
["assets/platform.js", "assets/check.js", "assets/yaml.js", "assets/forge.js"].forEach(load);
const { kopnams } = globalThis;

const systems = new Map();
const facts = (name) => {
  if (!systems.has(name)) {
    load("facts/" + name + ".js");
    systems.set(name, kopnams.system);
  }
  return systems.get(name);
};

const ANSWERS = {
  keywords: () => kopnams.keywords,
  address: ({ forge, path: file, text }) => kopnams.address(forge, file, text),
  judge: ({ system, request }) => ({ found: kopnams.check(kopnams.platform, facts(system), request), yaml: kopnams.yaml(request) }),
};

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const question = JSON.parse(line);
  process.stdout.write(JSON.stringify(ANSWERS[question.ask](question)) + "\n");
});
