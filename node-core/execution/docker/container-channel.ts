/**
 * A runner in a container of its own: made, looked at, attached, started, ended, removed.
 *
 * Created and checked before it is started (`spec-faults.ts`); attached before it is started, so that nothing that it
 * writes is missed.
 */
import { Duplex } from 'node:stream';
import type Docker from 'dockerode';
import { z } from '../../protocol/index.ts';
import type { Failure } from '../runner/failure.ts';
import type { Exit, RunnerChannel } from '../runner/host.ts';
import type { ContainerSpec } from './container-spec.ts';
import { type ContainerEnd, engineGone, failureOfContainer, failureOfStart } from './end.ts';
import { EngineSilent, isEngineGone, statusOf, within } from './engine-call.ts';
import { demultiplex } from './frames.ts';
import { specFaults } from './spec-faults.ts';

export interface ContainerStart {
  readonly docker: Docker;
  /** Chosen by us, so that one whose creation was not answered can be removed. */
  readonly name: string;
  readonly spec: ContainerSpec;
  readonly templateName: string;
  readonly modelPath: string | null;
  /** For one call to the engine. */
  readonly answerMsMax: number;
  /** A call failed as if there were no engine. */
  onEngineGone(): Promise<void>;
  /**
   * Tells when the engine is known to be gone: a wait whose answer has begun is not told of it by its client.
   * @returns a function that ends it.
   */
  onEngineLost(run: () => void): () => void;
  /** Called once, when it has ended or was not started; a container may be left. */
  onEnd(): void;
}

/** What was written before the end may still be on its way; it is not waited for longer. */
const outputMsMax = 500;
const InspectedState = z.object({
  State: z.object({ ExitCode: z.int(), OOMKilled: z.boolean(), Error: z.string().nullish() }),
});

export async function openContainer(start: ContainerStart): Promise<RunnerChannel | Failure> {
  const { docker, name, spec, templateName, modelPath, answerMsMax } = start;
  const call = <T>(made: Promise<T>, late?: (value: T) => void): Promise<T> => within(made, answerMsMax, late);
  try {
    const container = await call(docker.createContainer({ name, ...spec }), () => start.onEnd());
    const faults = specFaults(spec, await call(container.inspect()));
    if (faults.length > 0) {
      start.onEnd();
      return { code: 'container', message: `the container is not as it was asked for: ${faults.join('; ')}` };
    }
    const attached = container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true });
    const socket = asDuplex(await call(attached, (late) => asDuplex(late).destroy()));
    // A runner that dies while we write is noticed by its end.
    socket.on('error', () => undefined);
    try {
      await call(container.start());
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return live(start, container, socket);
  } catch (error) {
    if (isEngineGone(error)) await start.onEngineGone();
    start.onEnd();
    return failureOfStart(error, templateName);
  }

  function live({ onEnd, onEngineGone }: ContainerStart, container: Docker.Container, socket: Duplex): RunnerChannel {
    const { stdout, stderr } = demultiplex(socket);
    let killed = false;
    let patience: NodeJS.Timeout | undefined;
    const givenUp = Promise.withResolvers<never>();
    const stopListening = start.onEngineLost(() => givenUp.reject(new EngineSilent('the engine is gone')));
    const ended = async (): Promise<Exit> => {
      const allRead = Promise.all([closed(stdout), closed(stderr)]);
      try {
        await Promise.race([container.wait(), givenUp.promise]);
        await within(allRead, outputMsMax).catch(() => undefined);
        const end = killed ? null : await howItEnded(container);
        return (lastWords) =>
          end === null ? { code: 'container', message: 'the runner was ended' } : failureOfContainer(end, lastWords);
      } catch (error) {
        // One that was removed at our word has ended, too.
        if (statusOf(error) === null) await onEngineGone();
        return () => engineGone;
      } finally {
        clearTimeout(patience);
        stopListening();
        socket.destroy();
        onEnd();
      }
    };
    const howItEnded = async (which: Docker.Container): Promise<ContainerEnd> => {
      const { State } = InspectedState.parse(await call(which.inspect()));
      return { exitCode: State.ExitCode, oomKilled: State.OOMKilled, error: State.Error ?? '' };
    };
    let frozen = false;
    const end = async (): Promise<void> => {
      // What is frozen cannot die.
      if (frozen) await call(container.unpause()).catch(() => undefined);
      await call(container.kill());
    };
    const freeze = async (): Promise<void> => {
      await call(container.pause());
      frozen = true;
    };
    const thaw = async (): Promise<void> => {
      await call(container.unpause());
      frozen = false;
    };
    const kill = (): void => {
      if (killed) return;
      killed = true;
      // Its end is seen by the wait above, and where the engine is gone, that ends; but one that hangs is not waited for.
      end().catch(() => undefined);
      patience = setTimeout(() => givenUp.reject(new EngineSilent('the container does not end')), answerMsMax);
    };
    return { id: container.id, modelPath, stdin: socket, stdout, stderr, exited: ended(), kill, freeze, thaw };
  }
}

function closed(stream: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve) => {
    stream.once('end', resolve);
    stream.once('close', resolve);
  });
}

function asDuplex(stream: NodeJS.ReadWriteStream): Duplex {
  if (stream instanceof Duplex) return stream;
  throw new Error('the engine gave no stream');
}
