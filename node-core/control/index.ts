/** Carriers of the control API. They see the interface of the node, not the node. */
export { type ControlClient, type ControlClientOptions, type ControlTarget, connectControl } from './local/client.ts';
export { type ControlServer, ControlServerError, startControlServer } from './local/server.ts';
