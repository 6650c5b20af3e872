import { mount } from 'svelte';
import App from './App.svelte';
import './styles/tokens.css';
import './styles/base.css';
import { bridgeCarrier, desktopShell } from './node/bridge.ts';
import { NodeLink } from './node/link.svelte.ts';
import { Live } from './node/live.svelte.ts';
import { webSocketCarrier } from './node/web-socket.ts';
import { router, takeTicket } from './shell/route.svelte.ts';
import { browserShell } from './shell/shell.ts';

const target = document.getElementById('app');
if (target === null) throw new Error('index.html has no #app');

const bridge = window.infernet;
const carrier = bridge === undefined ? webSocketCarrier(`ws://${location.host}/`, takeTicket()) : bridgeCarrier(bridge);
bridge?.onGo((to) => router.go(to));
const link = new NodeLink(carrier);
const shell = bridge === undefined ? browserShell : desktopShell(bridge);
mount(App, { target, props: { app: { link, live: new Live(link), shell } } });
