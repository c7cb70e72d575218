// Sets the chosen theme before the first paint. A file of its own, because the CSP allows no script in the page.
// 'light' or 'dark'; anything else leaves it to the system.
(() => {
  const apply = () => {
    document.documentElement.dataset.theme = localStorage.getItem('paddock.theme') ?? 'system';
  };
  apply();
  addEventListener('storage', apply); // chosen in another tab
})();
