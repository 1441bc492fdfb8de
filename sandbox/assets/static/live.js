"use strict";
// The week comes as HTML that the server has escaped; deliveries are other people's text and become text nodes only.
const shown = { week: "", deliveries: "" };
const MOST = 50;

async function week() {
  const day = new URLSearchParams(location.search).get("day") || "";
  const answer = await fetch("/_sandbox/google/week?day=" + encodeURIComponent(day));
  const page = answer.ok ? await answer.text() : "<p>No such week.</p>";
  if (page !== shown.week) document.getElementById("week").innerHTML = shown.week = page;
}

function cell(text) {
  const made = document.createElement("td");
  made.textContent = text;
  return made;
}

function row(delivery) {
  const made = document.createElement("tr");
  const at = new Date(delivery.received_at);
  const when = cell(at.toLocaleTimeString());
  when.title = delivery.received_at;
  made.append(when, cell(delivery.hook), cell(JSON.stringify(delivery.body)));
  return made;
}

async function deliveries() {
  const answer = await fetch("/_sandbox/zapier/deliveries");
  if (!answer.ok) return;
  const text = await answer.text();
  if (text === shown.deliveries) return;
  shown.deliveries = text;
  const rows = JSON.parse(text).reverse().slice(0, MOST).map(row);
  document.getElementById("deliveries").replaceChildren(...rows);
  document.getElementById("none").hidden = rows.length > 0;
}

async function refresh() {
  const state = document.getElementById("state");
  try {
    await Promise.all([week(), deliveries()]);
    state.textContent = "";
  } catch {
    state.textContent = "The sandbox does not answer; this is what was there before.";
  }
  setTimeout(refresh, 1500);
}

refresh();
