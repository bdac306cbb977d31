// Passkeys. A button with data-webauthn (create, get or login) asks the browser's authenticator,
// puts the answer into its form's `credential` and sends the form.

const options = async (button) => {
  if (button.dataset.webauthn !== "login") return JSON.parse(document.getElementById("js_data").textContent);
  const answer = await fetch(button.form.action, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
};

async function ask(button) {
  const given = await options(button);
  if (button.dataset.webauthn === "create") {
    const { publicKey } = given.creation_options;
    const alone = button.form.elements.passwordless?.checked ?? false;
    Object.assign(publicKey.authenticatorSelection, {
      residentKey: alone ? "required" : "discouraged",
      requireResidentKey: alone,
      ...(alone && { userVerification: "required" }),
    });
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) });
  }
  const { publicKey } = given.request_options;
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-webauthn]");
  if (!button) return;
  event.preventDefault();
  const failed = button.form.querySelector("[data-failed]");
  failed.hidden = true;
  try {
    button.form.elements.credential.value = JSON.stringify((await ask(button)).toJSON());
    button.form.submit();
  } catch {
    failed.hidden = false;
  }
});

// toJSON and parse...FromJSON came together: without them a passkey cannot be used here.
if (globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  for (const button of document.querySelectorAll("[data-webauthn]")) button.hidden = false;
}
