// Runs before anything is drawn, so that nobody who chose dark sees a flash of light.
{
  const chosen = localStorage.getItem("theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
}
