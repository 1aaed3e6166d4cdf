"use strict";

// The token stands behind the #, which no request carries and no log shows.
const token = decodeURIComponent(location.hash.slice(1));
const element = (id) => document.getElementById(id);

function say(text) {
  element("message").textContent = text;
}

async function submit(event) {
  event.preventDefault();
  say("");
  element("submit").disabled = true;
  try {
    const response = await fetch("/v1/admin/setup", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token, email: element("email").value, password: element("password").value }),
    });
    if (response.ok) {
      history.replaceState(null, "", location.pathname);
      element("form").hidden = true;
      element("intro").hidden = true;
      element("done").hidden = false;
      return;
    }
    const problem = await response.json();
    const faults = (problem.errors || []).map((fault) => fault.message);
    say([problem.detail, ...faults.filter((fault) => fault !== problem.detail)].join(" "));
  } catch {
    say("The server can't be reached.");
  } finally {
    element("submit").disabled = false;
  }
}

if (token) {
  element("form").hidden = false;
  element("form").addEventListener("submit", submit);
} else {
  element("intro").textContent = "Open the link that the server printed when it was started for the first time.";
}
