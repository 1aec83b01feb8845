// Before anything is painted: the theme chosen on any page holds on plain pages too.
(function () {
  var theme = "system";
  try { theme = localStorage.getItem("theme") || "system"; } catch (e) { /* storage is off */ }
  if (theme === "system") theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.classList.add(theme);
})();
