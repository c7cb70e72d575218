import '@testing-library/jest-dom/vitest';
import { cleanup, configure } from '@testing-library/react';
import { afterEach } from 'vitest';

configure({
  asyncUtilTimeout: 5000, // panels are loaded when they are first shown
  defaultIgnore: 'script, style, [role=status]', // what is read out stands elsewhere too
});

afterEach(() => {
  cleanup();
  localStorage.clear();
});
