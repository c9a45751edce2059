import { styleText } from 'node:util';
import { printable } from '../output/printable.js';

/** Progress display while a sandbox is created or changed. */
export interface Progress {
  /** The current step. An empty step keeps the last one. */
  active(step: string, detail: string): void;
  done(label: string): void;
  phase(word: string): void;
  warning(text: string): void;
  /** Clears the animated line. */
  stop(): void;
}

/** A terminal such as `process.stderr`. */
interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;
const CLEAR_LINE = '\r\x1b[2K';

const silent: Progress = { active() {}, done() {}, phase() {}, warning() {}, stop() {} };

interface ProgressOptions {
  readonly terminal: Terminal;
  readonly env: NodeJS.ProcessEnv;
  /** Print finished steps even without a terminal. */
  readonly verbose: boolean;
  /** The step shown before the first event. */
  readonly first: string;
}

/** Progress on a terminal: one line per finished step, and an animated one below. */
export function createProgress({ terminal, env, verbose, first }: ProgressOptions): Progress {
  if (terminal.isTTY !== true) {
    return verbose ? plainLines(terminal) : silent;
  }
  if (env.TERM === 'dumb') {
    return plainLines(terminal);
  }
  function paint(color: 'green' | 'yellow' | 'dim', text: string) {
    return env.NO_COLOR ? text : styleText(color, text);
  }

  const begun = Date.now();
  let step = first;
  let detail = '';
  let frame = 0;
  function draw() {
    const seconds = Math.floor((Date.now() - begun) / 1000);
    const text = printable(`${step}${detail && `  ${detail}`}`).slice(0, (terminal.columns ?? 80) - 12);
    terminal.write(`${CLEAR_LINE}${FRAMES[frame++ % FRAMES.length]} ${text} ${paint('dim', `${seconds}s`)}`);
  }

  function line(mark: string, text: string) {
    terminal.write(`${CLEAR_LINE}${mark} ${printable(text)}\n`);
    draw();
  }

  const timer = setInterval(draw, FRAME_MS);
  draw();
  return {
    active: (next, text) => {
      step = next || step;
      detail = text;
      draw();
    },
    done: (label) => line(paint('green', '✓'), label),
    phase: (word) => {
      detail = word;
    },
    warning: (text) => line(paint('yellow', '!'), text),
    stop: () => {
      clearInterval(timer);
      terminal.write(CLEAR_LINE);
    },
  };
}

/** For files, and terminals that cannot rewrite a line. */
function plainLines(terminal: Terminal): Progress {
  return {
    ...silent,
    phase: (word) => terminal.write(`phase: ${printable(word)}\n`),
    done: (label) => terminal.write(`${printable(label)}\n`),
    warning: (text) => terminal.write(`warning: ${printable(text)}\n`),
  };
}
