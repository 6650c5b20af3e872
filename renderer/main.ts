import { mount } from 'svelte';
import App from './App.svelte';
import './styles/tokens.css';
import './styles/base.css';
import { NodeLink } from './node/link.svelte.ts';
import { Live } from './node/live.svelte.ts';
import { webSocketCarrier } from './node/web-socket.ts';
import { takeTicket } from './shell/route.svelte.ts';
import { browserShell } from './shell/shell.ts';

const target = document.getElementById('app');
if (target === null) throw new Error('index.html has no #app');

const ticket = takeTicket();
const link = new NodeLink(webSocketCarrier(`ws://${location.host}/`, ticket));
mount(App, { target, props: { app: { link, live: new Live(link), shell: browserShell } } });
