/** Runs `work` with a way to say what must be undone, and undoes it, the last first, also after a failure or Ctrl-C. */
export async function withCleanup(work) {
  const steps = [];
  let undone;
  async function undoAll() {
    for (const step of steps.reverse()) {
      await Promise.resolve()
        .then(step)
        .catch((error) => console.error(`while cleaning up: ${error.message}`));
    }
  }

  /** Once: an interrupted work fails, and its failure must not end the process before all is undone. */
  function undo() {
    undone ??= undoAll();
    return undone;
  }

  function interrupted() {
    return undo().then(() => process.exit(130));
  }

  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    await work((step) => steps.push(step));
  } finally {
    await undo();
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
  }
}
