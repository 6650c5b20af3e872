/** Files that a person chooses: main asks and reads or writes, the page sees a name and a text. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { app, BrowserWindow, dialog, type WebContents } from 'electron';
import type { ShellParams, ShellResult } from '../node-core/protocol/index.ts';

const inputs = [
  { name: 'Inputs', extensions: ['csv', 'tsv', 'jsonl', 'ndjson', 'json', 'txt', 'md'] },
  { name: 'All files', extensions: ['*'] },
];
const mebibyte = 1024 * 1024;

export async function saveFile(
  { name, text }: ShellParams<'file.save'>,
  sender: WebContents,
): Promise<ShellResult<'file.save'>> {
  const parent = BrowserWindow.fromWebContents(sender);
  const options = { defaultPath: join(app.getPath('downloads'), name) };
  const { canceled, filePath } =
    parent === null ? await dialog.showSaveDialog(options) : await dialog.showSaveDialog(parent, options);
  if (canceled || filePath === undefined || filePath === '') return { saved: false };
  await writeFile(filePath, text);
  return { saved: true };
}

/** @throws Error that says what is wrong with the file. */
export async function openFile(
  { bytesMax }: ShellParams<'file.open'>,
  sender: WebContents,
): Promise<ShellResult<'file.open'>> {
  const parent = BrowserWindow.fromWebContents(sender);
  const options = { properties: ['openFile' as const], filters: inputs };
  const { canceled, filePaths } =
    parent === null ? await dialog.showOpenDialog(options) : await dialog.showOpenDialog(parent, options);
  const [path] = filePaths;
  if (canceled || path === undefined) return { file: null };
  const found = await stat(path);
  if (!found.isFile()) throw new Error(`${basename(path)} is no file`);
  if (found.size > bytesMax)
    throw new Error(
      `${basename(path)} has ${Math.ceil(found.size / mebibyte)} MiB, at most ${Math.floor(bytesMax / mebibyte)} MiB are taken`,
    );
  return { file: { name: basename(path), text: await readFile(path, 'utf8') } };
}
