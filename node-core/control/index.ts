/** Carriers of the control API. They see the interface of the node, not the node. */
export { type ControlClient, connectControl } from './local/client.ts';
export { type ControlServer, ControlServerError, startControlServer } from './local/server.ts';
