// The address under which a forge opens its editor with the file already written.
"use strict";

((kopnams) => {
  /**
   * The address, or null where what has to stand in it is longer than forges take.
   * `forge.address` is written by kopnams and holds {path} and {value}.
   */
  kopnams.address = (forge, path, text) => {
    const value = encodeURIComponent(text);
    if (value.length > forge.valueMost) {
      return null;
    }
    const parts = { path: path.split("/").map(encodeURIComponent).join("/"), value };
    return forge.address.replace(/\{(path|value)\}/gu, (_, part) => parts[part]);
  };
})((globalThis.kopnams ??= {}));
