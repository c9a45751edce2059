/** Runs `work` with a way to say what must be undone, and undoes it, the last first, also after a failure or Ctrl-C. */
export const withCleanup = async (work) => {
  const steps = [];
  const undo = async () => {
    for (const step of steps.splice(0).reverse()) {
      await Promise.resolve()
        .then(step)
        .catch((error) => console.error(`while cleaning up: ${error.message}`));
    }
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
