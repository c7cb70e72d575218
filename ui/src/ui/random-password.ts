/** A password of 32 letters and digits that are not mistaken for one another: 185 bits. */
export function randomPassword(): string {
  const letters = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
  let password = '';
  while (password.length < 32) {
    // Bytes that would favour the first letters are thrown away.
    for (const byte of crypto.getRandomValues(new Uint8Array(48))) {
      const usable = byte < 256 - (256 % letters.length);
      if (usable && password.length < 32) password += letters[byte % letters.length];
    }
  }
  return password;
}
