// Between the form and the request: what each field holds, and which field a finding is about.
"use strict";

((kopnams) => {
  const parts = (path) => path.split("/").slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));

  // A number as people write it, in one way or the other; what is none, or not exact, stays text and is found then.
  const number = (text) => {
    const written = text.replace(/^([+-]?\d+),(\d+)$/u, "$1.$2");
    if (!/^[+-]?\d+(\.\d+)?$/u.test(written)) {
      return text;
    }
    const value = Number(written);
    return Number.isInteger(value) && !Number.isSafeInteger(value) ? text : value;
  };

  const json = (text) => {
    try {
      return JSON.parse(text);
    } catch {
      return new kopnams.Unread(text);
    }
  };

  // What a field cannot read.
  kopnams.Unread = class {
    constructor(text) {
      this.text = text;
    }
  };

  // Text that no other program reads otherwise: line ends of one kind, no half characters.
  const clean = (text) => text.replace(/\r\n?/gu, "\n").toWellFormed();

  const KINDS = {
    plain: (text) => text.trim(),
    text: (text) => text.trim() || undefined,
    lines: (text) => text.replace(/^\n+|\s+$/gu, "") || undefined,
    number: (text) => (text.trim() === "" ? undefined : number(text.trim())),
    choice: (text) => (text === "" ? undefined : JSON.parse(text)),
    // A browser gives a time without its zone: it is whoever sits before it who means it.
    time: (text) => {
      const time = new Date(text);
      return text === "" ? undefined : Number.isNaN(time.getTime()) ? text : time.toISOString().replace(/\.\d+/u, "");
    },
    json: (text) => (text.trim() === "" ? undefined : json(text)),
    list: (text, control) => {
      const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
      const read = control.dataset.item === "string" ? (line) => line : number;
      return lines.length === 0 ? undefined : lines.map(read);
    },
  };

  const choices = (control) => {
    const chosen = [...control.querySelectorAll("input:checked")].map((box) => JSON.parse(box.value));
    return chosen.length === 0 ? undefined : chosen;
  };

  /** The fields of a form by the path of their values. */
  kopnams.fields = (form) => {
    const fields = new Map();
    for (const around of form.querySelectorAll("[data-path]")) {
      const control = [...around.querySelectorAll("[data-kind]")].find((one) => one.closest("[data-path]") === around);
      fields.set(around.dataset.path, { around, control: control ?? null });
    }
    return fields;
  };

  const value = (control) => {
    const kind = control.dataset.kind;
    return kind === "choices" ? choices(control) : KINDS[kind](clean(control.value), control);
  };

  const put = (object, path, value) => {
    const names = parts(path);
    const last = names.pop();
    let here = object;
    for (const name of names) {
      here = here[name] ??= Object.create(null);
    }
    here[last] = value;
  };

  /** The request that the fields come to, and what could not be read. */
  kopnams.request = (fields, facts, system) => {
    const request = Object.create(null);
    const unread = [];
    Object.assign(request, { apiVersion: facts.apiVersion, kind: facts.kind });
    put(request, "/metadata/name", "");
    put(request, "/metadata/namespace", "");
    put(request, "/spec/system", system.name);
    for (const [path, { control }] of fields) {
      const given = control === null || control.disabled ? undefined : value(control);
      if (given instanceof kopnams.Unread) {
        unread.push({ stage: 3, code: "ParametersInvalid", path, rule: "json" });
        put(request, path, given.text);
      } else if (given !== undefined) {
        put(request, path, given);
      }
    }
    return { request, unread };
  };

  /** The field that a finding is about: its own, the first one in it, or the nearest around it. */
  kopnams.fieldOf = (fields, finding) => {
    let path = finding.name === undefined || finding.code === "FieldInvalid" ? finding.path : kopnams.joined(finding.path, finding.name);
    const first = [...fields.keys()].find((key) => key === path || key.startsWith(path + "/"));
    if (first !== undefined) {
      return first;
    }
    while (path !== "" && !fields.has(path)) {
      path = path.slice(0, path.lastIndexOf("/"));
    }
    return path === "" ? [...fields.keys()][0] : path;
  };
})((globalThis.kopnams ??= {}));
