// Keys: c, b, t, u judge the case, n opens the next one. Without this file the buttons do the same.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "n") document.querySelector("a.next")?.click();
  const form = document.querySelector("form[data-keys]");
  const button = form?.querySelector(`button[data-key="${CSS.escape(event.key)}"]`);
  if (!button) return;
  event.preventDefault();
  if (form.reason.value.trim()) form.requestSubmit(button);
  else form.reason.focus();
});
