// Loaded before the first paint, so that a chosen theme never flashes in as the other.
const chosen = localStorage.getItem('holdfast-theme');
if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset['theme'] = chosen;
