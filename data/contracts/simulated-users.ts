/** Ids of simulated users. They are hashed with a key that everyone knows, so no real id may pass for one. */
export const simulatedUserId = (index: number): string => `u${String(index).padStart(6, '0')}`;

export const isSimulatedUserId = (id: string): boolean => /^u\d{6,}$/.test(id);
