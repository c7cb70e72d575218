import './styles.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { connect } from './api/transport';
import { App } from './app';

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <App {...connect()} />
  </StrictMode>,
);
