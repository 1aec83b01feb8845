// What HTML alone cannot say. Dialogs: opened when they appear, Escape presses their close button, and the focus goes back
// to what opened them. A session that is over: the page leaves for the log-in page. Nothing here knows about orders.
(function () {
  "use strict";
  var openers = new WeakMap();
  var last = null;

  document.addEventListener("focusin", function (event) {
    if (!event.target.closest("dialog")) last = event.target;
  });

  function open(dialog) {
    if (dialog.open) return;
    openers.set(dialog, { element: last, id: last && last.id });
    dialog.showModal();
    var first = dialog.querySelector("[data-autofocus]") || dialog.querySelector("[data-first]");
    if (first) first.focus();
    if (first && first.hasAttribute("data-select")) first.select();
    dialog.addEventListener("cancel", function (event) {
      event.preventDefault();
      var close = dialog.querySelector("[data-close]");
      if (close) close.click();
    });
    dialog.addEventListener("mousedown", function (event) {
      if (event.target !== dialog) return;
      var box = dialog.getBoundingClientRect();
      var inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
      var close = dialog.querySelector("[data-close]");
      if (!inside && close && !dialog.querySelector("[data-typed]")) close.click();
    });
  }

  function closed(dialog) {
    var was = openers.get(dialog);
    if (!was) return;
    openers.delete(dialog);
    requestAnimationFrame(function () {
      if (document.querySelector("dialog[data-modal]")) return;
      var back = was.element && was.element.isConnected ? was.element : was.id && document.getElementById(was.id);
      (back || document.getElementById("main") || document.body).focus();
    });
  }

  function each(node, what) {
    if (node.nodeType !== 1) return;
    if (node.matches("dialog[data-modal]")) what(node);
    node.querySelectorAll("dialog[data-modal]").forEach(what);
  }

  // Within a dialog that is open already, the next question takes the focus.
  function arrive(node) {
    if (node.nodeType !== 1 || node.matches("dialog") || !node.parentElement || !node.parentElement.closest("dialog[open]")) return;
    var found = node.matches("[data-arrives]") ? node : node.querySelector("[data-arrives]");
    if (found) found.focus();
  }

  function leave(node) {
    if (node.nodeType !== 1) return;
    if (node.matches("[data-logged-out]") || node.querySelector("[data-logged-out]"))
      location.assign("/login?next=" + encodeURIComponent(location.pathname + location.search));
  }

  new MutationObserver(function (changes) {
    changes.forEach(function (change) {
      change.removedNodes.forEach(function (node) { each(node, closed); });
      change.addedNodes.forEach(function (node) { each(node, open); arrive(node); leave(node); });
    });
  }).observe(document.documentElement, { childList: true, subtree: true });

  // How long until: <span data-countdown="2026-11-22T12:00:10Z">.
  setInterval(function () {
    document.querySelectorAll("[data-countdown]").forEach(function (place) {
      var left = Math.ceil((new Date(place.dataset.countdown) - Date.now()) / 1000);
      var said = left > 0 ? "in " + left + " s" : left > -15 ? "now" : "as soon as a worker has time";
      if (place.textContent !== said) place.textContent = said;
    });
  }, 250);

  document.addEventListener("click", function (event) {
    var print = event.target.closest("[data-print]");
    if (print) window.print();
  });
})();
