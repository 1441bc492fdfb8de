"use strict";
// The token stands behind '#': no server and no log sees it until it is sent here.
const token = new URLSearchParams(location.hash.slice(1)).get("token") || "";
const said = document.getElementById("said");
const form = document.getElementById("owner");
const value = (id) => document.getElementById(id).value;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await fetch("/api/owner-links/redeem", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token, name: value("name"), email: value("email"), password: value("password") }),
  });
  const body = await answer.json();
  if (answer.ok) {
    history.replaceState(null, "", "/setup");
    form.hidden = true;
    said.textContent = `You are the owner, ${body.user.name}, and signed in.`;
  } else {
    said.textContent = body.message;
  }
});
