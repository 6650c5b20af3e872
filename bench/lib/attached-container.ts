/** A container by the engine's client alone, created and attached: what both yardsticks of the executor stand on. */
import type { Writable } from 'node:stream';
import type { TestEngine } from '../../node-core/execution/docker/testing.ts';

type Container = Awaited<ReturnType<TestEngine['docker']['createContainer']>>;

export interface AttachedPlan {
  readonly image: string;
  /** Program and arguments; default: the image's entry point. */
  readonly command?: readonly string[];
  readonly stdout: Writable;
  readonly stderr: Writable;
}

export class AttachedContainer {
  readonly stdin: NodeJS.WritableStream;
  readonly #container: Container;

  private constructor(container: Container, stdin: NodeJS.WritableStream) {
    this.#container = container;
    this.stdin = stdin;
  }

  /** Created, attached, started. It may not be ready yet: what is written waits in its pipe. */
  static async start({ docker }: TestEngine, plan: AttachedPlan): Promise<AttachedContainer> {
    const container = await docker.createContainer({
      Image: plan.image,
      ...(plan.command !== undefined && { Entrypoint: [...plan.command] }),
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      OpenStdin: true,
      StdinOnce: true,
      // As ours: the engine's own log of what it writes would cost half of the speed.
      HostConfig: { LogConfig: { Type: 'none', Config: {} } },
    });
    const socket = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true });
    docker.modem.demuxStream(socket, plan.stdout, plan.stderr);
    await container.start();
    return new AttachedContainer(container, socket);
  }

  /** Ended as quickly as the engine can, and removed. */
  async stop(): Promise<void> {
    await this.#container.kill();
    await this.#container.remove({ force: true });
    this.stdin.end();
  }
}
