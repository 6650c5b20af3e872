/** Carriers of the control API. They see the interface of the node, not the node. */

export { type ControlClient, connectControl } from './local/client.ts';
export { contentPolicy, interfacePaths } from './local/interface-files.ts';
export { requestPageUrl } from './local/page-url.ts';
export { type ControlServer, ControlServerError, startControlServer } from './local/server.ts';
export { createSession, type Session } from './session.ts';
