// Lets the browser make a passkey, or sign with one, and sends what it made with the form.
"use strict";

const { textKnown, textNone } = document.currentScript.dataset;

const form = document.querySelector("form[data-passkey]");

const bytesOf = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (character) => character.charCodeAt(0));

const textOf = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const described = (list) => (list || []).map((one) => ({ ...one, id: bytesOf(one.id) }));

async function create(options) {
  const made = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: bytesOf(options.challenge),
      user: { ...options.user, id: bytesOf(options.user.id) },
      excludeCredentials: described(options.excludeCredentials),
    },
  });
  return {
    id: made.id,
    rawId: textOf(made.rawId),
    type: made.type,
    response: {
      clientDataJSON: textOf(made.response.clientDataJSON),
      attestationObject: textOf(made.response.attestationObject),
    },
  };
}

async function show(options) {
  const signed = await navigator.credentials.get({
    publicKey: {
      ...options,
      challenge: bytesOf(options.challenge),
      allowCredentials: described(options.allowCredentials),
    },
  });
  return {
    id: signed.id,
    rawId: textOf(signed.rawId),
    type: signed.type,
    response: {
      clientDataJSON: textOf(signed.response.clientDataJSON),
      authenticatorData: textOf(signed.response.authenticatorData),
      signature: textOf(signed.response.signature),
      userHandle: signed.response.userHandle ? textOf(signed.response.userHandle) : null,
    },
  };
}

if (form && window.PublicKeyCredential) {
  const said = form.querySelector("[data-passkey-said]");
  const missing = document.querySelector("[data-passkey-missing]");
  form.hidden = false;
  if (missing) missing.hidden = true;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    said.textContent = "";
    try {
      const options = JSON.parse(form.dataset.passkey);
      const made = form.dataset.passkeyFor === "create" ? await create(options) : await show(options);
      form.elements.namedItem("credential").value = JSON.stringify(made);
      form.submit();
    } catch (error) {
      said.textContent = error.name === "InvalidStateError" ? textKnown : textNone;
    }
  });
}
