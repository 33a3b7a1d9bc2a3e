// Checks a request as `kopnams validate` does, from facts that kopnams itself has written: nothing here is a limit, a
// pattern or a name, only how to read them. A test judges thousands of requests with this and with kopnams.
//
// `stage` says in which step kopnams would have found it: it says no more once a step has found something, and a page
// shows everything at once.
"use strict";

((kopnams) => {
  const TYPES = {
    array: (value) => Array.isArray(value),
    boolean: (value) => typeof value === "boolean",
    integer: (value) => Number.isInteger(value),
    null: (value) => value === null,
    number: (value) => typeof value === "number",
    object: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
    string: (value) => typeof value === "string",
  };

  const characters = (text) => [...text].length;
  const size = (object) => Object.keys(object).length;
  const list = (value) => (Array.isArray(value) ? value : [value]);
  const listed = (names) => [...names].join(", ");

  // Whether two values are the same JSON.
  const same = (one, other) => {
    if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) {
      return one === other;
    }
    const keys = Object.keys(one);
    return (
      Array.isArray(one) === Array.isArray(other) &&
      keys.length === size(other) &&
      keys.every((key) => Object.hasOwn(other, key) && same(one[key], other[key]))
    );
  };

  const patterns = new Map();
  const matches = (pattern, text) => {
    if (!patterns.has(pattern)) {
      patterns.set(pattern, new RegExp(pattern, "u"));
    }
    return patterns.get(pattern).test(text);
  };

  // What each keyword of a schema asks for, of the values that it speaks of. This is all of JSON Schema that is known
  // here: kopnams leaves other keywords out of the facts and says which fields have some.
  const KEYWORDS = {
    type: { of: () => true, holds: (limit, value) => list(limit).some((name) => TYPES[name](value)) },
    enum: { of: () => true, holds: (limit, value) => limit.some((option) => same(option, value)) },
    const: { of: () => true, holds: (limit, value) => same(limit, value) },
    minimum: { of: TYPES.number, holds: (limit, value) => value >= limit },
    maximum: { of: TYPES.number, holds: (limit, value) => value <= limit },
    exclusiveMinimum: { of: TYPES.number, holds: (limit, value) => value > limit },
    exclusiveMaximum: { of: TYPES.number, holds: (limit, value) => value < limit },
    multipleOf: { of: TYPES.number, holds: (limit, value) => value % limit === 0 },
    minLength: { of: TYPES.string, holds: (limit, value) => characters(value) >= limit },
    maxLength: { of: TYPES.string, holds: (limit, value) => characters(value) <= limit },
    pattern: { of: TYPES.string, holds: (limit, value) => matches(limit, value) },
    minItems: { of: TYPES.array, holds: (limit, value) => value.length >= limit },
    maxItems: { of: TYPES.array, holds: (limit, value) => value.length <= limit },
    uniqueItems: {
      of: TYPES.array,
      holds: (limit, value) => !limit || value.every((one, at) => !value.slice(at + 1).some((other) => same(one, other))),
    },
    minProperties: { of: TYPES.object, holds: (limit, value) => size(value) >= limit },
    maxProperties: { of: TYPES.object, holds: (limit, value) => size(value) <= limit },
  };
  // Those that say which schema a part of the value has.
  const WITHIN = ["properties", "required", "additionalProperties", "items"];

  /** Every keyword of a schema that is known here. */
  kopnams.keywords = [...Object.keys(KEYWORDS), ...WITHIN].sort();

  const escaped = (name) => String(name).replaceAll("~", "~0").replaceAll("/", "~1");
  /** The JSON pointer of a field of what stands at another. */
  kopnams.joined = (path, name) => path + "/" + escaped(name);

  const check = (schema, value, path, found) => {
    for (const keyword of Object.keys(schema)) {
      const known = KEYWORDS[keyword];
      if (known === undefined) {
        if (!WITHIN.includes(keyword)) {
          throw new Error("the facts hold a keyword that is not known here: " + keyword);
        }
      } else if (known.of(value) && !known.holds(schema[keyword], value)) {
        found({ path, rule: keyword, limit: schema[keyword] });
      }
    }
    if (TYPES.object(value)) {
      fields(schema, value, path, found);
    } else if (TYPES.array(value) && schema.items !== undefined) {
      value.forEach((item, at) => check(schema.items, item, kopnams.joined(path, at), found));
    }
  };

  const fields = (schema, value, path, found) => {
    const known = schema.properties ?? {};
    for (const name of schema.required ?? []) {
      if (!Object.hasOwn(value, name)) {
        found({ path, rule: "required", name });
      }
    }
    const others = Object.keys(value).filter((name) => !Object.hasOwn(known, name));
    if (schema.additionalProperties === false) {
      for (const name of others.sort().slice(0, 1)) {
        found({ path, rule: "additionalProperties", name });
      }
    } else if (schema.additionalProperties !== undefined) {
      others.forEach((name) => check(schema.additionalProperties, value[name], kopnams.joined(path, name), found));
    }
    for (const name of Object.keys(known).filter((name) => Object.hasOwn(value, name))) {
      check(known[name], value[name], kopnams.joined(path, name), found);
    }
  };

  // The parts of a rule of the definition that speaks of a name.
  const RULE = {
    matches: (limit, name) => matches(limit, name),
    sizeAtMost: (limit, name) => characters(name) <= limit,
    without: (limit, name) => !name.includes(limit),
    notBeginningWith: (limit, name) => !name.startsWith(limit),
  };

  const names = (facts, name) =>
    facts.nameRules
      .filter((rule) => !rule.all.every((part) => Object.keys(part).every((key) => RULE[key](part[key], name))))
      .map((rule) => ({ stage: 2, code: rule.code, path: "/metadata/name", rule: "name", written: name }));

  // A form has one of the two ways to say from which backup a new app is filled.
  const restored = ({ needs, code }, from) =>
    TYPES.object(from) && !Object.hasOwn(from, needs) ? [{ stage: 2, code, path: "/spec/restoreFrom", rule: "required", name: needs }] : [];

  const hostname = (facts, spec, municipality) => {
    const host = spec.hostname ?? undefined;
    const finding = (code) => [{ stage: 3, code, path: "/spec/hostname", rule: code, known: listed(municipality.zones), written: host }];
    if (host === undefined) {
      return [];
    }
    if (!matches(facts.host, host)) {
      return finding("HostnameInvalid");
    }
    const inside = (zone) => host === zone || host.endsWith("." + zone);
    return municipality.zones.some(inside) ? [] : finding("HostnameOutsideZones");
  };

  const parameters = (facts, system, given) => {
    const found = [];
    const written = new TextEncoder().encode(JSON.stringify(given)).length;
    const finding = (path, more) => found.push({ stage: 3, code: "ParametersInvalid", path, ...more });
    if (written > facts.parametersMost) {
      finding("/spec/parameters", { rule: "length", limit: facts.parametersMost / 1024 });
      return found;
    }
    check(system.parameters, given, "/spec/parameters", ({ path, ...more }) => finding(path, more));
    return found;
  };

  const dataClass = (facts, system, wanted) => {
    const finding = (code) => [{ stage: 3, code, path: "/spec/dataClass", rule: code, written: wanted, known: listed(Object.keys(facts.classes)) }];
    if (!Object.hasOwn(facts.classes, wanted)) {
      return finding("DataClassUnknown");
    }
    return facts.classes[wanted].rank < facts.classes[system.dataClass].rank ? finding("DataClassLowered") : [];
  };

  const requirements = (facts, wanted, processing, stage) => {
    const stated = (text) => text !== undefined && text !== null && !/^\p{White_Space}*$/u.test(text);
    const missing = (facts.classes[wanted]?.requires ?? []).filter((field) => !stated(processing?.[field]));
    return missing.map((field) => ({ stage, code: "RequirementMissing", path: "/spec/processing/" + field, rule: field, written: wanted }));
  };

  // What is not known here is how much is in use already; an app that is larger than everything cannot be granted.
  const allotment = (size, municipality) => {
    const over = Object.keys(size.amounts).filter((what) => size.amounts[what] > municipality.allotment[what]);
    return over.length === 0 ? [] : [{ stage: 5, code: "AllotmentExceeded", path: "/spec/size", rule: "AllotmentExceeded" }];
  };

  const decided = (facts, system, request) => {
    const { spec } = request;
    const slug = request.metadata.namespace;
    const there = Object.hasOwn(facts.municipalities, slug);
    const found = there ? hostname(facts, spec, facts.municipalities[slug]) : [];
    if (!there) {
      found.push({ stage: 3, code: "NotAHomeNamespace", path: "/metadata/namespace", rule: slug === "" ? "required" : "NotAHomeNamespace" });
    }
    // Without a municipality kopnams asks nothing further.
    const later = (findings) => (there ? findings : findings.map((finding) => ({ ...finding, stage: 4 })));
    const chosen = [];
    const pick = (code, path, wanted, known) => {
      if (!known.includes(wanted)) {
        chosen.push({ stage: 3, code, path, rule: code, written: wanted, known: listed(known) });
      }
    };
    const size = spec.size ?? system.defaultSize;
    const wanted = spec.dataClass ?? system.dataClass;
    pick("VersionUnknown", "/spec/version", spec.version ?? system.defaultVersion, system.versions);
    pick("SizeUnknown", "/spec/size", size, Object.keys(system.sizes));
    chosen.push(...dataClass(facts, system, wanted), ...parameters(facts, system, spec.parameters ?? {}));
    const asked = requirements(facts, wanted, spec.processing, chosen.length === 0 ? 3 : 4);
    found.push(...later(chosen), ...later(asked));
    if (there && Object.hasOwn(system.sizes, size)) {
      found.push(...allotment(system.sizes[size], facts.municipalities[slug]));
    }
    return found;
  };

  const structure = (facts, spec) => {
    const found = [];
    check(facts.spec, spec, "/spec", ({ path, ...more }) => {
      const at = more.name === undefined ? path : kopnams.joined(path, more.name);
      found.push({ stage: 1, code: "FieldInvalid", path: at, ...more });
    });
    return found;
  };

  /** What is wrong with a request for a system; nothing if it is in order as far as can be known here. */
  kopnams.check = (facts, system, request) => {
    const shape = structure(facts, request.spec);
    const found = [...shape, ...names(facts, request.metadata.name), ...restored(facts.restored, request.spec.restoreFrom)];
    // What has the wrong shape cannot be asked further; a text that is only too long can.
    const further = shape.every((finding) => finding.rule !== "type" && finding.name === undefined);
    return further ? [...found, ...decided(facts, system, request)] : found;
  };
})((globalThis.kopnams ??= {}));
