/** Exit codes of a gateway that does not start, by the reason of its error. They never change their meaning. */
export const STARTUP_EXIT_CODE: Readonly<Record<string, number>> = {
  ConfigInvalid: 2,
  DriverNotInBuild: 3,
  DriverUnknown: 4,
  DriverUnavailable: 5,
  NoDriverFound: 6,
  ListenFailed: 7,
  StoreUnusable: 8,
  GatewayIdMismatch: 9,
};

/** Of a start that failed for another reason. */
export const STARTUP_EXIT_OTHER = 1;
