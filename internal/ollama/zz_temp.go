package ollama

import "context"

func (c *Client) IsRemote(ctx context.Context, model string) (bool, error) { return false, nil }
