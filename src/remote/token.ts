/** The metadata key of the token by which a driver process knows the gateway that started it. */
export const TOKEN_KEY = 'openshell-driver-token';
