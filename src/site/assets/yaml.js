// Writes a request as YAML that every reader takes for the same values.
//
// A text stands without quotes only where no reader could take it for anything else; a text of several lines stands as
// a block, so that people can read it; everything else is quoted, and what cannot be seen is written out.
"use strict";

((kopnams) => {
  // Begins with a letter, and holds nothing that means something in YAML.
  const PLAIN = /^\p{L}(?:[\p{L}\p{N} ._/()+-]*[\p{L}\p{N}._/()+-])?$/u;
  // Words that YAML 1.1 or 1.2 takes for a truth value or for nothing.
  const WORDS = new Set(["true", "false", "yes", "no", "on", "off", "y", "n", "null"]);
  // Control characters, what turns the direction of writing, and what has no width: nothing may hide in a request.
  const UNSEEN = /[\u0000-\u001f\u007f-\u00a0\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff]/u;
  const NAMED = { '"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t" };

  const isPlain = (text) => PLAIN.test(text) && !WORDS.has(text.toLowerCase()) && !UNSEEN.test(text);

  // In double quotes; characters beyond the first plane are written as they are.
  const quoted = (text) => {
    let out = '"';
    for (const one of text) {
      if (Object.hasOwn(NAMED, one)) {
        out += NAMED[one];
      } else if (UNSEEN.test(one)) {
        out += "\\u" + one.codePointAt(0).toString(16).padStart(4, "0");
      } else {
        out += one;
      }
    }
    return out + '"';
  };

  // Whether the lines of a text can stand as they are: none is bordered by blanks, none holds what cannot be seen.
  const isBlock = (text) => {
    const lines = text.split("\n");
    const fits = (line) => !UNSEEN.test(line) && !/^\s|\s$/u.test(line);
    return lines.length > 1 && lines[0] !== "" && lines.at(-1) !== "" && lines.every(fits);
  };

  const word = (text) => (isPlain(text) ? text : quoted(text));

  const scalar = (value, indent) => {
    if (typeof value !== "string") {
      return value === null ? "null" : String(value);
    }
    if (isBlock(value)) {
      return "|-\n" + value.split("\n").map((line) => (line === "" ? "" : indent + line)).join("\n");
    }
    return word(value);
  };

  // The lines of a mapping or a list, each with its indentation.
  const lines = (value, indent) => {
    if (Array.isArray(value)) {
      return value.flatMap((item) => entry(indent + "-", item, indent + "  "));
    }
    return Object.keys(value).flatMap((key) => entry(indent + word(key) + ":", value[key], indent + "  "));
  };

  const entry = (head, value, indent) => {
    if (typeof value !== "object" || value === null) {
      return [head + " " + scalar(value, indent)];
    }
    if (Object.keys(value).length === 0) {
      return [head + (Array.isArray(value) ? " []" : " {}")];
    }
    return [head, ...lines(value, indent)];
  };

  /** The YAML text of an object. */
  kopnams.yaml = (object) => lines(object, "").join("\n") + "\n";
})((globalThis.kopnams ??= {}));
