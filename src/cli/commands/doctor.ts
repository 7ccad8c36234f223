/** `darkroom doctor`: what works here, and what to do about what does not. Exits with 1 when there is a problem. */

import path from 'node:path';
import type { Command } from 'commander';
import { defaultModel, modelRoots, ownModels } from '#studio/library/roots';
import { type CommandContext, gather, modelsOption } from '../command.ts';
import { checkDevices, likelyDevices } from '../doctor/devices.ts';
import { checkFetched } from '../doctor/fetched.ts';
import type { Finding, Patient } from '../doctor/finding.ts';
import { checkDatabase, checkFolders, checkModels, checkPage } from '../doctor/folders.ts';
import { checkImages, checkMemory, checkVersions } from '../doctor/machine.ts';
import { checkPort } from '../doctor/port.ts';
import { pageFolder } from '../page-folder.ts';
import { addFolderOptions, type FolderOptions, studioFolders } from '../studio-folder.ts';
import type { Output } from '../terminal.ts';
import { wholeNumber } from '../whole-number.ts';

interface DoctorOptions extends FolderOptions {
  readonly modelsDir?: string[];
  readonly device?: string[];
  readonly host: string;
  readonly port: string;
  readonly json?: boolean;
}

export function define(command: Command, context: CommandContext): void {
  addFolderOptions(command)
    .addOption(modelsOption())
    .option('--device <device>', 'Device to try; may be repeated (default: those that this system may have).', gather)
    .option('--host <address>', 'Address that a server would listen on.', '127.0.0.1')
    .option('--port <n>', 'Port that a server would listen on.', '7860')
    .option('--json', 'Print one JSON object a line.')
    .action(async (options: DoctorOptions) => {
      const findings = await examine(patientOf(options), (finding) => tell(finding, options, context.output));
      const problems = findings.filter(({ level }) => level === 'problem').length;
      if (!options.json) context.output.note(summary(problems));
      context.exitCode = problems > 0 ? 1 : 0;
    });
}

function patientOf(options: DoctorOptions): Patient {
  return {
    folders: studioFolders(options),
    modelRoots: modelRoots(options.modelsDir),
    embeddedModel: path.join(ownModels, `${defaultModel}.safetensors`),
    pageFolder,
    devices: options.device ?? likelyDevices(),
    host: options.host,
    port: wholeNumber('--port', options.port, 1, 65_535),
  };
}

async function examine(patient: Patient, onFinding: (finding: Finding) => void): Promise<Finding[]> {
  const checks: readonly (() => Finding[] | Promise<Finding[]>)[] = [
    () => checkVersions(),
    () => checkMemory(),
    () => checkFolders(patient),
    () => checkDatabase(patient),
    () => checkModels(patient),
    () => checkPage(patient),
    () => checkImages(),
    () => checkFetched(),
    () => checkPort(patient),
    () => checkDevices(patient.devices),
  ];
  const findings: Finding[] = [];
  for (const check of checks) {
    for (const finding of await check()) {
      onFinding(finding);
      findings.push(finding);
    }
  }
  return findings;
}

const marks = { ok: 'ok      ', note: 'note    ', problem: 'PROBLEM ' } as const;

function tell(finding: Finding, { json }: DoctorOptions, output: Output): void {
  if (json) {
    output.result(JSON.stringify(finding));
    return;
  }
  const { check, level, text, remedy } = finding;
  output.result(`${marks[level]}${check}: ${text}`);
  if (remedy !== undefined) output.result(`${' '.repeat(marks.ok.length)}-> ${remedy}`);
}

function summary(problems: number): string {
  if (problems === 0) return 'No problems.';
  return problems === 1 ? 'There is a problem.' : `There are ${problems} problems.`;
}
