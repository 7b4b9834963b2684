// Runs before the page is drawn for the first time: whoever chose dark colours does not see light ones first.
const theme = localStorage.getItem("copilotkit-playground-theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
