/** Runs `work` with a way to say what must be undone, and undoes it, the last first, also after a failure or Ctrl-C. */
export const withCleanup = async (work) => {
  const steps = [];
  let undone;
  const undoAll = async () => {
    for (const step of steps.reverse()) {
      await Promise.resolve()
        .then(step)
        .catch((error) => console.error(`while cleaning up: ${error.message}`));
    }
  };
  /** Once: an interrupted work fails, and its failure must not end the process before all is undone. */
  const undo = () => {
    undone ??= undoAll();
    return undone;
  };
  const interrupted = () => undo().then(() => process.exit(130));
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    await work((step) => steps.push(step));
  } finally {
    await undo();
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
  }
};
