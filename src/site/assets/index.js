// Finds systems by a part of what is said of them. Without it the whole list is there.
"use strict";

(() => {
  const filter = document.getElementById("filter");
  const count = document.getElementById("filter-count");
  const systems = [...document.querySelectorAll("#systems > li")];
  // Without marks, so that "karsu" finds "Karšu pārlūks".
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

  const show = () => {
    const words = plain(filter.value).split(/\s+/u);
    const found = systems.filter((system) => words.every((word) => plain(system.textContent).includes(word)));
    systems.forEach((system) => { system.hidden = !found.includes(system); });
    count.textContent = filter.value.trim() === "" ? "" : count.dataset.text.replace("{count}", found.length);
  };

  filter.addEventListener("input", show);
  document.getElementById("filter-field").hidden = systems.length < 2;
  show();
})();
